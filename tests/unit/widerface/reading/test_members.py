"""What is passed over, and how much is read of one folder or zip."""

import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.reading.members import (
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_TOTAL_BYTES,
    check_depth,
    check_entries,
    check_total,
    is_hidden,
)


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        "e/._a.txt",
        ".ipynb_checkpoints/a.txt",
        "e/.ipynb_checkpoints/a-checkpoint.txt",
        "__MACOSX/e/a.txt",
        "e/Thumbs.db",
        "e/DESKTOP.INI",
        "@eaDir/a.txt",
        ".git/description.txt",
        ".Trash-1000/files/a.txt",
        "#recycle/a.txt",
        "$RECYCLE.BIN/a.txt",
        "System Volume Information/a.txt",
        "lost+found/a.txt",
        "__pycache__/a.txt",
        "e/a.txt~",
        "e/~$a.txt",
        "e/.a.txt.swp",
    ],
)
def test_what_systems_and_tools_add_is_hidden(name):
    assert is_hidden(tuple(name.split("/")))


@pytest.mark.parametrize("name", ["e/a.txt", "0--Parade/0_Parade_1.txt", "a~b/c.txt", "lost/a.txt"])
def test_other_files_are_not_hidden(name):
    assert not is_hidden(tuple(name.split("/")))


def test_limits_hold_up_to_their_number_and_not_beyond():
    check_entries(MAX_ENTRIES, "p")
    check_depth(("a",) * MAX_DEPTH, "p")
    check_total(MAX_TOTAL_BYTES, "p")
    with pytest.raises(DatasetError, match="p has more than 50000 entries"):
        check_entries(MAX_ENTRIES + 1, "p")
    with pytest.raises(DatasetError, match="p has folders inside each other, 33 deep, .* 32"):
        check_depth(("a",) * (MAX_DEPTH + 1), "p")
    with pytest.raises(DatasetError, match="p holds texts of more than 128 MiB in all"):
        check_total(MAX_TOTAL_BYTES + 1, "p")

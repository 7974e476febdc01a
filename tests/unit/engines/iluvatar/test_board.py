"""The board is named by `ixsmi`, wherever it is and whatever it does not know."""

from types import SimpleNamespace

import pytest

from retinaface.engines.iluvatar import board as rooms
from retinaface.engines.iluvatar.board import board, board_name, is_ixrt, vendor_version

ANSWER = """#!/bin/sh
case "$1" in
  --query-gpu=name) {name} ;;
  --query-gpu=driver_version) {driver} ;;
  *) echo "asked for $1"; exit 1 ;;
esac
"""
KNOWN = "echo 'Iluvatar MR-V100'; echo 'Iluvatar MR-V50'"


@pytest.fixture
def sdk(monkeypatch, tmp_path):
    """An empty machine; write an `ixsmi` into a folder of it."""
    monkeypatch.setattr(rooms, "SDK_FOLDER", tmp_path / "local")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")

    def write(folder, *, name=KNOWN, driver="echo 4.2.0"):
        program = tmp_path / folder / "ixsmi"
        program.parent.mkdir(parents=True)
        program.write_text(ANSWER.format(name=name, driver=driver))
        program.chmod(0o755)

    return write


def test_the_first_board_is_named_with_its_driver(sdk):
    sdk("path")
    assert board() == {"name": "Iluvatar MR-V100", "driver_version": "4.2.0"}


@pytest.mark.parametrize("folder", ["local/corex/bin", "local/corex-4.3.0/bin"])
def test_the_sdks_own_folder_is_searched(sdk, folder):
    sdk(folder)
    assert board()["name"] == "Iluvatar MR-V100"


@pytest.mark.parametrize("searched", [None, "/opt/mine::/opt/more"])
def test_ixsmi_finds_its_sdks_libraries_after_those_that_are_searched(
    sdk, tmp_path, monkeypatch, searched
):
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    if searched:
        monkeypatch.setenv("LD_LIBRARY_PATH", searched)
    sdk("local/corex-4.3.0/bin", name='echo "Iluvatar $LD_LIBRARY_PATH"')
    for name in ("lib64", "lib"):
        (tmp_path / "local/corex-4.3.0" / name).mkdir()
    (tmp_path / "local/corex").symlink_to("corex-4.3.0")
    own = f"{tmp_path}/local/corex-4.3.0/lib64:{tmp_path}/local/corex-4.3.0/lib"
    before = "/opt/mine:/opt/more:" if searched else ""
    assert board()["name"] == f"Iluvatar {before}{own}"
    monkeypatch.setenv("LD_LIBRARY_PATH", own)
    assert board()["name"] == f"Iluvatar {own}"


def test_of_several_sdks_the_newest_answers(sdk):
    sdk("local/corex-4.9.0/bin", driver="echo 4.9.0")
    sdk("local/corex-4.10.0/bin", driver="echo 4.10.0")
    assert board()["driver_version"] == "4.10.0"


@pytest.mark.parametrize(
    "answer",
    ["""echo 'Field "driver_version" is not a valid field to query.'""", "exit 2", "echo '[N/A]'",
     "true"],
    ids=["unknown", "fails", "not-available", "silent"],
)  # fmt: skip
def test_a_field_that_it_does_not_know_leaves_the_other(sdk, answer):
    sdk("path", driver=answer)
    assert board() == {"name": "Iluvatar MR-V100"}


def test_without_ixsmi_nothing_is_known(sdk):
    assert board() == {}


def test_the_makers_name_stands_once_before_the_boards():
    names = [board_name(name) for name in (None, "MR-V100", "Iluvatar MR-V100")]
    assert names == ["Iluvatar", "Iluvatar MR-V100", "Iluvatar MR-V100"]


@pytest.mark.parametrize(("version", "text"), [("0.18.0", "0.18.0"), (None, "of no version")])
def test_a_package_from_an_installer_has_its_modules_version(version, text):
    assert vendor_version("no-such-distribution", SimpleNamespace(__version__=version)) == text


def test_ixrt_is_known_by_the_library_beside_it(tmp_path):
    module = SimpleNamespace(__name__="tensorrt", __version__="8.6.1", __file__=str(tmp_path / "i"))
    assert not is_ixrt(module)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libixrt_plugin.so").touch()
    assert is_ixrt(module)

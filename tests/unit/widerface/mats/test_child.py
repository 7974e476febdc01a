"""The program that reads `.mat` files: what it gives, and what it refuses by its form."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import scipy.io

from retinaface.embedded import embedded_root
from retinaface.widerface.ground_truth_mats import MAT_FILES
from retinaface.widerface.mats import child

FACES, EASY = ((embedded_root() / "ground_truth" / name).read_bytes() for name in MAT_FILES[:2])


def written(**variables):
    content = io.BytesIO()
    scipy.io.savemat(content, variables)
    return content.getvalue()


def column(*cells):
    cell = np.empty((len(cells), 1), object)
    cell[:, 0] = cells
    return cell


def file(names=None, boxes=None, events=None, **more):
    names = column("a") if names is None else names
    boxes = column(np.ones((2, 4))) if boxes is None else boxes
    events = column("e") if events is None else events
    columns = {"file_list": column(names), "face_bbx_list": column(boxes), "event_list": events}
    return written(**{**columns, **more})


def test_a_file_gives_names_counts_and_values():
    names, counts, values = child.flatten(file(), is_split=False)
    assert names == ["e/a"]
    assert counts.tolist() == [2]
    assert values.tolist() == [1.0] * 8
    numbers = column(column(np.array([[1], [2]])))
    names, counts, values = child.flatten(file(gt_list=numbers), is_split=True)
    assert (names, counts.tolist(), values.tolist()) == (["e/a"], [2], [1.0, 2.0])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (file(boxes=column(np.ones((2, 3)))), "boxes should be"),
        (file(boxes=column(np.full((1, 4), np.inf))), "boxes should be"),
        (file(boxes=column("text")), "faces should be numbers"),
        (file(boxes=column(np.ones((1, 4), complex))), "faces should be numbers"),
        (file(boxes=column(column(1))), "faces should be numbers"),
        (file(boxes=np.ones((2, 4))), "face_bbx_list should be a column of cells"),
        (file(names=column(np.ones(3))), "a name should be one text"),
        (file(names=column("a\nb")), "control characters"),
        (file(events=column("e", "f")), "2 events and 1 lists"),
        (file(events=np.ones(2)), "event_list should be a column of cells"),
        (file(event_list=np.full((2, 2), "e", object)), "one column of cells"),
        (file(gt_list=column(1)), "it is that of a split"),
        (written(event_list=column("e")), "it lacks file_list, face_bbx_list"),
    ],
)
def test_another_form_is_refused_in_words(data, text):
    with pytest.raises(child.ForeignError, match=text):
        child.flatten(data, is_split=False)


def test_face_numbers_are_whole():
    with pytest.raises(child.ForeignError, match="should be whole"):
        child.flatten(file(gt_list=column(column(np.array([1.5])))), is_split=True)


def test_bytes_that_scipy_cannot_read_are_refused():
    with pytest.raises(child.UnreadableError):
        child.flatten(b"hello" * 100, is_split=False)


def replies(*requests, code="from retinaface.widerface.mats.child import main\nmain()\n"):
    """Run the program over a few requests; give status and parts of each reply."""
    data = b"".join(child.REQUEST.pack(is_split, len(d)) + d for is_split, d in requests)
    command = [sys.executable, "-c", code, json.dumps(sys.path)]
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=120)
    source, found = io.BytesIO(done.stdout), []
    while head := source.read(child.REPLY.size):
        status, *sizes = child.REPLY.unpack(head)
        found.append((status, [source.read(n) for n in sizes]))
    return found


def test_the_program_answers_file_by_file_and_ends_with_its_input():
    ready, *found = replies((0, FACES), (1, EASY), (0, EASY), (0, b"damaged" * 40), (0, FACES))
    assert ready == (child.DONE, [b"", b"", b""])
    statuses = [status for status, _ in found]
    assert statuses == [child.DONE, child.DONE, child.FOREIGN, child.UNREADABLE, child.DONE]
    names, counts, values = child.flatten(FACES, is_split=False)
    assert found[0][1] == ["\n".join(names).encode(), counts.tobytes(), values.tobytes()]
    assert found[4] == found[0]


def test_what_is_printed_while_reading_does_not_reach_the_replies():
    code = (
        "import os, retinaface.widerface.mats.child as child\n"
        "flatten = child.flatten\n"
        "def loud(data, **how):\n    os.write(1, b'noise')\n    return flatten(data, **how)\n"
        "child.flatten = loud\nchild.main()\n"
    )
    assert [status for status, _ in replies((0, FACES), code=code)] == [child.DONE] * 2

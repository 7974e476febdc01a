import contextlib
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.baselines.detections_file import as_stored, read_detections, write_detections
from retinaface.detection.detections import Detections
from retinaface.errors import BaselineError
from retinaface.widerface.predictions import official_form

# Landmarks are stored in steps of 1/64 of a side; float32 holds coordinates up to 2e4 to 2**-10.
LANDMARK_STEP, FLOAT32_PX = 1 / 64, 2.0**-9

COORDINATES = st.floats(-3000, 6000, width=32) | st.integers(-40, 40).map(lambda n: n / 16)
SIZES = st.floats(0, 4000, width=32)
SCORES = st.floats(0, 1, exclude_min=True, width=32)


def detections(corners, sizes, scores, relative):
    """Make detections; landmarks are in box sides from the first corner, in the file's range."""
    corners, sizes = np.float32(corners).reshape(-1, 2), np.float32(sizes).reshape(-1, 2)
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    sides = np.maximum(boxes[:, None, 2:] - boxes[:, None, :2], 1)
    landmarks = boxes[:, None, :2] + np.float32(relative).reshape(-1, 5, 2) * sides
    return Detections(boxes, np.float32(scores), landmarks.astype(np.float32))


@st.composite
def found(draw):
    n = draw(st.integers(0, 4))
    return detections(
        draw(arrays(np.float32, (n, 2), elements=COORDINATES)),
        draw(arrays(np.float32, (n, 2), elements=SIZES)),
        draw(arrays(np.float32, n, elements=SCORES)),
        draw(arrays(np.float32, (n, 5, 2), elements=st.floats(-2, 3, width=32))),
    )


def one(*corners):
    return detections(
        corners, np.full((len(corners), 2), 9.97), np.full(len(corners), 0.5), [0.3] * 10
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@settings(max_examples=30)  # compression takes its time
@given(by_image=st.lists(found(), min_size=1, max_size=3))
@example(by_image=[one((-0.97, -1.03))])
@example(by_image=[one((0.03, -3000.99))])
@example(by_image=[detections([], [], [], [])])
def test_storage_changes_no_compared_value(place, by_image):
    before = {f"e/{i}": each for i, each in enumerate(by_image)}
    write_detections(place / "a.npz", before)
    after = read_detections(place / "a.npz")
    assert list(after) == list(before)
    for image, old in before.items():
        new = after[image]
        for name, array in vars(as_stored(old)).items():
            np.testing.assert_array_equal(array, getattr(new, name))
        np.testing.assert_array_equal(new.scores, old.scores)
        expected, form = (official_form(d.boxes_xyxy, d.scores) for d in (old, new))
        np.testing.assert_array_equal(form.boxes_xywh, expected.boxes_xywh)
        np.testing.assert_array_equal(form.scores, expected.scores)
        np.testing.assert_allclose(new.boxes_xyxy, old.boxes_xyxy, rtol=0, atol=1 / 16)
        sides = np.maximum(new.boxes_xyxy[:, None, 2:] - new.boxes_xyxy[:, None, :2], 1)
        off = np.abs(new.landmarks_xy - old.landmarks_xy)
        assert (off <= LANDMARK_STEP / 2 * sides + FLOAT32_PX).all()
        assert {a.dtype for a in vars(new).values()} == {np.dtype(np.float32)}
        assert new.landmarks_xy.shape == old.landmarks_xy.shape


def test_stored_detections_do_not_change_when_stored_again(place):
    """Otherwise a baseline would move each time it is accepted again."""
    write_detections(place / "a.npz", {"e/a": one((3.3, -4.7), (100.123, 7.5))})
    write_detections(place / "b.npz", read_detections(place / "a.npz"))
    assert (place / "a.npz").read_bytes() == (place / "b.npz").read_bytes()


def test_equal_detections_give_equal_bytes(place, monkeypatch):
    by_image = {"e/a": one((3.3, -4.7)), "e/b": one()}
    write_detections(place / "a.npz", by_image)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    write_detections(place / "b.npz", by_image)
    assert (place / "a.npz").read_bytes() == (place / "b.npz").read_bytes()


def test_each_image_keeps_its_own_rows(place):
    by_image = {"e/b": one((1, 1), (2, 2)), "e/none": one(), "e/a": one((3, 3))}
    write_detections(place / "a.npz", by_image)
    after = read_detections(place / "a.npz")
    corners = {image: d.boxes_xyxy[:, 0].tolist() for image, d in after.items()}
    assert corners == {"e/b": [1, 2], "e/none": [], "e/a": [3]}


def test_a_landmark_far_outside_its_box_stays_far_outside(place):
    """It does not wrap around to the other side."""
    far = detections([[50, 50]], [[10, 10]], [0.5], [900.0, -900.0] * 5)
    write_detections(place / "a.npz", {"e/a": far})
    x, y = read_detections(place / "a.npz")["e/a"].landmarks_xy[0, 0]
    assert x > 5000
    assert y < -5000


def whole(path):
    write_detections(path, {"e/a": one((1, 1))})
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # NumPy leaves a zip that is cut open
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(whole(path)[:-60]),
        lambda path: path.write_bytes(b"PK" + whole(path)[40:]),
        lambda path: path.unlink(missing_ok=True),
        lambda path: zipfile.ZipFile(path, "w").close(),
    ],
    ids=["empty", "cut", "header", "missing", "no-arrays"],
)
def test_a_damaged_file_is_refused_with_the_way_to_restore_it(tmp_path, damage):
    path = tmp_path / "a.npz"
    damage(path)
    with pytest.raises(BaselineError, match=r"cannot read .*a\.npz: .*git checkout -- baselines"):
        read_detections(path)


def test_a_changed_byte_is_a_baseline_error(tmp_path):
    path = tmp_path / "a.npz"
    write_detections(path, {"e/a": one((1, 1))})
    data = path.read_bytes()
    for i in range(0, len(data), 5):
        path.write_bytes(data[:i] + bytes([data[i] ^ 255]) + data[i + 1 :])
        with contextlib.suppress(BaselineError):
            read_detections(path)


def test_an_npy_file_is_a_baseline_error(tmp_path):
    with (tmp_path / "a.npz").open("wb") as f:
        np.save(f, np.zeros(3))
    with pytest.raises(BaselineError):
        read_detections(tmp_path / "a.npz")

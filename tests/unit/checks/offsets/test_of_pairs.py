import numpy as np
import pytest

from retinaface.checks.offsets.of_pairs import QUANTITIES, offsets_of_pairs
from tests.support.made.detections import POINTS, found

BOX = (10.0, 20.0, 40.0, 60.0)


def only_pair(new, old=(*BOX, 0.5), points=POINTS):
    sides = found(old), found(new, points=points)
    first = np.zeros(1, np.int64)
    offsets = offsets_of_pairs(*sides, first, first)
    names = [f"{quantity.point} {quantity.kind}".strip() for quantity in QUANTITIES]
    return offsets, dict(zip(names, offsets.values[0], strict=True))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ((*BOX, 0.5), {}),
        ((10.25, 20, 40, 60, 0.5), {"x": 0.25}),
        ((10, 19.5, 40, 60, 0.5), {"y": -0.5}),
        ((9, 20, 42, 60, 0.5), {"width": 2}),
        ((10, 20, 40, 61, 0.5), {"height": 1, "y": 0.5}),
        ((*BOX, 0.25), {"score": -0.25}),
    ],
)
def test_a_change_of_a_box_is_seen_in_its_own_column(new, expected):
    offsets, named = only_pair(new)
    of_box = {name: v for name, v in named.items() if "landmark" not in name}
    assert of_box == {name: expected.get(name, 0) for name in of_box}
    assert offsets.heights_px.tolist() == [60]
    assert offsets.sides_px.tolist() == [50]


def test_a_landmark_is_seen_by_its_name_and_axis():
    points = POINTS.copy()
    points[2] += [0.25, -0.5]  # the nose, in sides of the box
    offsets, named = only_pair((*BOX, 0.5), points=points)
    moved = {name: pytest.approx(v) for name, v in named.items() if v}
    assert moved == {"nose landmark x": 10, "nose landmark y": -30}
    np.testing.assert_allclose(offsets.landmarks_px[0, 2], [10, -30])


def test_rows_and_columns_say_which_belong_together():
    old = found((0, 0, 10, 10, 0.9), (50, 0, 10, 20, 0.8))
    new = found((51, 0, 10, 20, 0.9), (2, 0, 10, 10, 0.8))
    offsets = offsets_of_pairs(old, new, np.array([0, 1]), np.array([1, 0]))
    assert offsets.values[:, 0].tolist() == [2, 1]
    assert offsets.heights_px.tolist() == [10, 20]


def test_no_pair_is_an_empty_table_and_a_box_without_size_has_a_side():
    none = np.zeros(0, np.int64)
    assert offsets_of_pairs(found(), found(), none, none).values.shape == (0, len(QUANTITIES))
    assert only_pair((5, 5, 0, 0, 0.5), (5, 5, 0, 0, 0.5))[0].sides_px.tolist() == [1]

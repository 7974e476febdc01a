import pytest

from retinaface.checks.ap_changes import compare_with_entry, count_detections, explain_ap
from retinaface.detection.detections import Detections
from retinaface.errors import BaselineError, DatasetError
from retinaface.widerface.average_precision import average_precision
from tests.support.made.ap_baseline import (
    N_IMAGES,
    NAMES,
    baseline_of_usual,
    truth_of,
    usual,
    without,
)


@pytest.fixture
def entry(tmp_path):
    """A baseline of the usual detections."""
    return baseline_of_usual(tmp_path)


def test_both_sides_are_counted_alike_over_the_images_of_the_baseline(entry):
    comparison = compare_with_entry(entry, usual(), truth_of())
    assert comparison.truth.images == tuple(NAMES)
    one, other = comparison.baseline_counts, comparison.measured_counts
    assert average_precision(one) == average_precision(other)
    assert average_precision(one) == average_precision(count_detections(usual(), truth_of()))


def test_images_that_cost_nothing_are_not_listed(entry):
    text = explain_ap(compare_with_entry(entry, without(usual(), NAMES[3]), truth_of()))
    assert [line.split(":")[0].strip() for line in text.splitlines()[1:-2]] == [NAMES[3]]


def test_faces_are_counted_by_size(entry):
    def only(found, keep):
        return {
            image: Detections(*(a[keep(d)] for a in vars(d).values())) for image, d in found.items()
        }

    def is_large(d):
        return d.boxes_xyxy[:, 3] - d.boxes_xyxy[:, 1] > 14

    text = explain_ap(compare_with_entry(entry, only(usual(), is_large), truth_of()))
    n_small = sum(int((~is_large(d)).sum()) for d in usual().values())
    assert 0 < n_small < N_IMAGES
    assert f"10-16: {n_small} -> 0 of {N_IMAGES}," in text
    n_24 = sum(int((d.boxes_xyxy[:, 3] == 24).sum()) for d in usual().values())
    assert f"16-32: {n_24} -> {n_24} of {N_IMAGES}," in text
    assert text.endswith("128-: 0 -> 0 of 0")
    assert "0-10: 0 -> 0 of 0" in text


def test_images_that_the_ground_truth_lacks_are_an_error(entry):
    with pytest.raises(
        DatasetError, match=f"1 images are not in the ground truth, first {NAMES[-1]}"
    ):
        compare_with_entry(entry, usual(), truth_of(NAMES[:-1]))


def test_stored_detections_that_cannot_be_read_are_an_error(entry):
    entry.detections_path.write_bytes(b"")
    with pytest.raises(BaselineError, match="cannot read the baseline's detections"):
        compare_with_entry(entry, usual(), truth_of())

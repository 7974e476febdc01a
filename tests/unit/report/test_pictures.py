"""Pictures of changed images: strong and faint boxes, a crop where it is crowded, one embedding."""

import base64

import cv2
import numpy as np
import pytest

from retinaface.report.drawing import Boxes, crop_region, draw_crop, draw_whole
from retinaface.report.pictures import pictures_against_baseline
from tests.support.made.reports import Photographs, make_scored_run

GREY = np.full((300, 400, 3), 128, np.uint8)
BOX = (100.0, 100.0, 140.0, 140.0)


def decoded(drawn):
    data = np.frombuffer(base64.b64decode(drawn.jpeg), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(int)
    assert image.shape[:2] == (drawn.height_px, drawn.width_px)
    return image


def strength(boxes):
    """Measure how far the pixels of a drawing are from the grey ground."""
    return np.abs(decoded(draw_whole(GREY, boxes, 400)) - 128).sum()


def test_what_changed_is_stronger_than_what_stayed():
    assert strength(Boxes(gained=[BOX])) > 2 * strength(Boxes(same=[BOX])) > 0


def test_dashes_tell_lost_from_gained_without_colour():
    lost, gained = (
        decoded(draw_whole(GREY, boxes, 400)).max(axis=2)[100, 104:136]
        for boxes in (Boxes(lost=[BOX]), Boxes(gained=[BOX]))
    )
    assert np.ptp(lost) > np.ptp(gained) + 40


@pytest.mark.parametrize("side_px", [200, 1024])
def test_a_picture_has_the_side_asked_for_or_twice_its_own(side_px):
    drawn = draw_whole(GREY, Boxes(), side_px)
    assert max(drawn.width_px, drawn.height_px) == min(side_px, 800)


def test_the_crop_lies_in_the_image_and_holds_the_box():
    for box in (BOX, (0.0, 0.0, 10.0, 10.0), (390.0, 290.0, 400.0, 300.0)):
        x1, y1, x2, y2 = crop_region(GREY, box)
        assert 0 <= x1 <= box[0] < box[2] <= x2 <= 400
        assert 0 <= y1 <= box[1] < box[3] <= y2 <= 300
        assert draw_crop(GREY, Boxes(gained=[box]), (x1, y1, x2, y2)).width_px == 480


def test_a_failed_run_shows_its_images_with_the_boxes_of_both_sides(tmp_path):
    run = make_scored_run(tmp_path / "r", "FAIL")
    (picture,) = pictures_against_baseline(run, Photographs(), 6)
    assert picture.image == "event/1"
    assert picture.text.startswith("2 of 12 detections changed, 2 unexplained; the surest: lost")
    assert [view.label for view in picture.views] == ["whole image"]
    assert pictures_against_baseline(run, Photographs(), 0) == []
    (bare,) = pictures_against_baseline(run, None, 6)
    assert bare.views == []


def test_a_crowd_gets_a_crop_beside_it(tmp_path):
    run = make_scored_run(tmp_path / "r", "FAIL")
    (image,) = next(iter(run.results.values())).differences.images
    image.boxes = image.boxes * 12
    (picture,) = pictures_against_baseline(run, Photographs(), 6)
    assert len(picture.views) == 2
    assert picture.views[1].label == "the surest change, enlarged"

import numpy as np

from retinaface.detection.detections import Detections
from retinaface.detection.drawing import draw_detections


def test_drawing_leaves_the_image_alone_and_marks_the_box():
    image = np.zeros((100, 120, 3), np.uint8)
    landmarks = np.full((1, 5, 2), 50, np.float32)
    found = Detections(np.float32([[20, 30, 80, 90]]), np.float32([0.9]), landmarks)
    picture = draw_detections(image, found)
    assert not image.any()
    assert picture[60, 20].any()
    assert picture[50, 50].any()
    assert not picture[70, 50].any()


def test_a_box_beyond_the_image_is_drawn_as_far_as_it_goes():
    found = Detections(
        np.float32([[-50, -50, 500, 500]]), np.float32([0.9]), np.zeros((1, 5, 2), np.float32)
    )
    assert draw_detections(np.zeros((40, 40, 3), np.uint8), found).shape == (40, 40, 3)

"""Signs that predictions are written in another form than the official one; nothing is changed.

The official form is `x y w h score`: pixels of the original image, a score from 0 to 1 in all its
digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from retinaface.detection.boxes import PLUS_ONE, overlap_matrix, xyxy_from_xywh
from retinaface.typing import FloatArray
from retinaface.widerface.average_precision import average_precision, count_set
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.predictions import Predictions

# Of fewer detections the values of scores, and AP in another form, may be chance.
_LEAST = 20
# Rounded scores tie: there are fewer values than this share of them.
_FEW_VALUES = 0.9
_NORMALISED = 1.5
_LARGEST_SCORE = 1.001  # a softmax in float16 may round up
# Percent reach further than logits.
_LOGITS, _PERCENT = 25.0, 100.0
# A detector with more than this writes boxes that are what they say. Read as another form, they
# must then fit far better.
_SUSPECT_AP, _TIMES, _POINTS = 0.7, 1.25, 0.05
# Of a detector that works, the best detection of most images meets a face by half.
_MEETS, _LEAST_MET = 0.5, 0.05
# Read as another form, it does in most images, and in so many times more.
_MOST, _TIMES_MET = 0.5, 2


def _corners(x1: FloatArray, y1: FloatArray, x2: FloatArray, y2: FloatArray) -> list[FloatArray]:
    return [x1, y1, x2 - x1, y2 - y1]


# How four columns read that are not x, y, width, height.
_FORMS: Mapping[str, Callable[..., list[FloatArray]]] = {
    "corners x1 y1 x2 y2": _corners,
    "y x height width": lambda y, x, h, w: [x, y, w, h],
    "corners y1 x1 y2 x2": lambda y1, x1, y2, x2: _corners(x1, y1, x2, y2),
    "y x width height": lambda y, x, w, h: [x, y, w, h],
    "x y height width": lambda x, y, h, w: [x, y, w, h],
    "centre x, centre y, width, height": lambda x, y, w, h: [x - w / 2, y - h / 2, w, h],
}


def form_warnings(
    predictions: Mapping[str, Predictions], truth: GroundTruth, ap: Mapping[str, float]
) -> list[str]:
    """List signs of another form: of scores one at most, of boxes one at most.

    Args:
        predictions: By image id; those beyond `truth` are passed over.
        truth: Of the images that are scored.
        ap: What they give, by split.
    """
    scored = {image: predictions[image] for image in truth.images if image in predictions}
    scores = np.concatenate([one.scores for one in scored.values()]) if scored else np.zeros(0)
    if not len(scores):
        return []
    boxes = np.concatenate([one.boxes_xywh for one in scored.values()])
    if text := _score_elsewhere(boxes, scores):
        return [text]
    of_boxes = _normalised(boxes)
    if not of_boxes and max(ap.values()) < _SUSPECT_AP:
        is_many = len(scores) >= _LEAST
        of_boxes = (_other_form(scored, truth, ap) if is_many else "") or _meets_few(scored, truth)
    return [text for text in (_odd_scores(scores), of_boxes) if text]


def _score_elsewhere(boxes_xywh: FloatArray, scores: FloatArray) -> str:
    """Tell `score x y w h`, and any other form in which the last column is one of pixels."""
    low, high = float(scores.min()), float(scores.max())
    first = boxes_xywh[:, 0]
    is_first = first.min() >= 0 and 0 < first.max() <= _LARGEST_SCORE
    if is_first and boxes_xywh.max() > _NORMALISED and high > _LARGEST_SCORE:
        return (
            f"the first column of {len(scores)} detections ends at {first.max():g}, the last at "
            f"{high:g}: does the score come first? Write x y width height score"
        )
    if low >= 1 and high > _PERCENT and not (scores % 1).any():
        return (
            f"the fifth column of {len(scores)} detections reaches from {low:g} to {high:g}: "
            "pixels? It is the score: write x y width height score"
        )
    return ""


def _odd_scores(scores: FloatArray) -> str:
    low, high, n = float(scores.min()), float(scores.max()), len(scores)
    reach = f"the scores of {n} detections reach from {low:g} to {high:g}"
    if low < 0 or high > _PERCENT or _LARGEST_SCORE < high <= _LOGITS:
        return f"{reach}: logits? AP takes scores from 0 to 1; write those after the softmax"
    if high > _LARGEST_SCORE:
        return f"{reach}: percent? AP takes scores from 0 to 1; divide them by 100"
    if n < _LEAST:
        return ""
    n_values = len(np.unique(scores))
    if n_values == 1:
        return f"all {n} scores are {low:g}, so nothing ranks the detections; write their scores"
    for digits in (1, 2, 3):
        if n_values < _FEW_VALUES * n and np.allclose(scores, scores.round(digits), 0, 1e-9):
            return (
                f"all {n} scores are multiples of {10.0**-digits:g}, {n_values} values: rounded? "
                "Ties and coarse thresholds change AP; write scores with all their digits"
            )
    return ""


def _normalised(boxes_xywh: FloatArray) -> str:
    largest = float(np.quantile(np.abs(boxes_xywh), 0.999))  # a few may reach far outside
    if largest > _NORMALISED or largest == 0:
        return ""
    return (
        f"the coordinates of {len(boxes_xywh)} boxes end at {largest:.3g}: normalised? Boxes are "
        "in pixels of the original image; multiply them by its width and height"
    )


def _other_form(
    predictions: Mapping[str, Predictions], truth: GroundTruth, ap: Mapping[str, float]
) -> str:
    """Find the form in which poor boxes fit the faces far better."""
    best = max(ap.values())
    found = {form: _ap_as(form, predictions, truth) for form in _FORMS}
    form = max(found, key=lambda name: max(found[name].values()))
    if max(found[form].values()) < max(_TIMES * best, best + _POINTS):
        return ""
    return (
        f"the boxes look like {form}: read so, AP is {_percents(found[form].values())} in place of "
        f"{_percents(ap.values())}; write x y width height, or AP is that of other boxes"
    )


def _meets_few(predictions: Mapping[str, Predictions], truth: GroundTruth) -> str:
    """Say that the best detections meet few faces, and the form in which they would meet more."""
    n_images, n_met = _n_met(predictions, truth)
    if n_met >= _MOST * n_images:
        return ""
    met = {form: _n_met(_read_as(form, predictions), truth)[1] for form in _FORMS}
    form = max(met, key=lambda name: met[name])
    is_better = met[form] >= max(_TIMES_MET * n_met, _MOST * n_images)
    if not is_better and n_met >= _LEAST_MET * n_images:
        return ""
    hint = f"; read as {form}, that of {met[form]} would" if met[form] > n_met else ""
    return (
        f"the best detection meets a face in {n_met} of {n_images} images{hint}: is the form "
        "another (corners, centres, normalised, the score first)? It is left, top, width, height "
        "in pixels of the original image, then the score"
    )


def _n_met(predictions: Mapping[str, Predictions], truth: GroundTruth) -> tuple[int, int]:
    """Count the images with faces and detections, and those whose best detection meets a face."""
    n_images = n_met = 0
    for image, faces in zip(truth.images, truth.faces_xywh, strict=True):
        one = predictions.get(image)
        if one is None or not len(one.scores) or not len(faces):
            continue
        best = one.boxes_xywh[[int(one.scores.argmax())]]
        overlap = overlap_matrix(xyxy_from_xywh(best), xyxy_from_xywh(faces), extra_px=PLUS_ONE)
        n_images += 1
        n_met += bool(overlap.max() >= _MEETS)
    return n_images, n_met


def _ap_as(
    form: str, predictions: Mapping[str, Predictions], truth: GroundTruth
) -> dict[str, float]:
    return average_precision(count_set(_read_as(form, predictions), truth))


def _read_as(form: str, predictions: Mapping[str, Predictions]) -> dict[str, Predictions]:
    return {
        image: Predictions(np.stack(_FORMS[form](*one.boxes_xywh.T), axis=-1), one.scores)
        for image, one in predictions.items()
    }


def _percents(values: Iterable[float]) -> str:
    return " / ".join(f"{100 * value:.2f}" for value in values)

"""Signs that predictions are written in another form than the official one; nothing is changed.

The official form is `x y w h score`: pixels of the original image, a score from 0 to 1 in all its
digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from retinaface.typing import FloatArray
from retinaface.widerface.average_precision import average_precision, count_set
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.predictions import Predictions

# Of fewer detections each sign may be chance.
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
    if len(scores) < _LEAST:
        return []
    boxes = np.concatenate([one.boxes_xywh for one in scored.values()])
    found = [_odd_scores(scores), _normalised(boxes) or _other_form(scored, truth, ap)]
    return [text for text in found if text]


def _odd_scores(scores: FloatArray) -> str:
    low, high, n = float(scores.min()), float(scores.max()), len(scores)
    reach = f"the scores of {n} detections reach from {low:g} to {high:g}"
    if low < 0 or high > _PERCENT or _LARGEST_SCORE < high <= _LOGITS:
        return f"{reach}: logits? AP takes scores from 0 to 1; write those after the softmax"
    if high > _LARGEST_SCORE:
        return f"{reach}: percent? AP takes scores from 0 to 1; divide them by 100"
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
    if largest > _NORMALISED:
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
    if not best < _SUSPECT_AP:
        return ""
    found = {form: _ap_as(form, predictions, truth) for form in _FORMS}
    form = max(found, key=lambda name: max(found[name].values()))
    if max(found[form].values()) < max(_TIMES * best, best + _POINTS):
        return ""
    return (
        f"the boxes look like {form}: read so, AP is {_percents(found[form].values())} in place of "
        f"{_percents(ap.values())}; write x y width height, or AP is that of other boxes"
    )


def _ap_as(
    form: str, predictions: Mapping[str, Predictions], truth: GroundTruth
) -> dict[str, float]:
    read = {
        image: Predictions(np.stack(_FORMS[form](*one.boxes_xywh.T), axis=-1), one.scores)
        for image, one in predictions.items()
    }
    return average_precision(count_set(read, truth))


def _percents(values: Iterable[float]) -> str:
    return " / ".join(f"{100 * value:.2f}" for value in values)

"""Keep a few images at every stage of a run, so that a difference can be placed.

Two records show that detections moved. Which stage moved first can only be found where the values
between the stages are kept: the network's input, its raw outputs, the candidates before
suppression, the detections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retinaface.detection.detections import Detections, decode, suppress
from retinaface.detection.images import decode_image
from retinaface.detection.pipelines import Geometry, Pipeline, preprocess
from retinaface.engines.base import Engine
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

# Enough to see a stage move, little enough for a record: 0.7 MB an image of 320x320.
N_TRACED = 4
_DETECTION_FIELDS = ("boxes", "scores", "landmarks")


@dataclass(frozen=True)
class ImageStages:
    """One image at every stage.

    Attributes:
        geometry: The way from the input back to the image.
        inputs: (3, H, W) float32: what the network saw.
        raw: (P, 4), (P, 2), (P, 10) float32.
        candidates: Above the score limit, before suppression.
        detections: After suppression.
    """

    image: str
    geometry: Geometry
    inputs: FloatArray
    raw: RawOutputs
    candidates: Detections
    detections: Detections


def trace(engine: Engine, pipeline: Pipeline, encoded: Mapping[str, bytes]) -> list[ImageStages]:
    """Take a few images through every stage, one at a time.

    Args:
        engine: Open, for the pipeline's input size.
        encoded: Bytes of image files by image id.

    Raises:
        ImageError: An image does not decode.
        EngineFault: The engine failed.
    """
    traced = []
    for image, data in encoded.items():
        inputs, geometry = preprocess(decode_image(data, image), pipeline)
        raw = RawOutputs(*(output[0] for output in engine.infer(inputs[None])))
        candidates = decode(*raw, geometry)
        found = suppress(candidates)
        traced.append(ImageStages(image, geometry, inputs, raw, candidates, found))
    return traced


def spread(images: tuple[str, ...], n: int = N_TRACED) -> tuple[str, ...]:
    """Choose n images to trace, spread over the list, so that events differ."""
    return images[:: max(1, len(images) // n)][:n]


def pack_stages(traced: list[ImageStages]) -> tuple[list[dict[str, Any]], dict[str, FloatArray]]:
    """Split traced images into facts for JSON and arrays.

    Returns:
        Image id and geometry of each image; arrays by `<position>/<stage>/<name>`.
    """
    facts = [{"image": t.image, "geometry": _geometry_json(t.geometry)} for t in traced]
    arrays: dict[str, FloatArray] = {}
    for i, one in enumerate(traced):
        arrays[f"{i}/inputs"] = one.inputs
        for name, array in zip(OUTPUT_NAMES, one.raw, strict=True):
            arrays[f"{i}/raw/{name}"] = array
        for stage, found in (("candidates", one.candidates), ("detections", one.detections)):
            for name, array in zip(_DETECTION_FIELDS, _arrays(found), strict=True):
                arrays[f"{i}/{stage}/{name}"] = array
    return facts, arrays


def unpack_stages(
    facts: list[Mapping[str, Any]], arrays: Mapping[str, FloatArray]
) -> list[ImageStages]:
    """Restore what `pack_stages` was given.

    Raises:
        KeyError: Arrays are missing.
    """
    traced = []
    for i, fact in enumerate(facts):
        geometry = dict(fact["geometry"])
        geometry["offset_xy_px"] = tuple(geometry["offset_xy_px"])

        def detections(stage: str, i: int = i) -> Detections:
            return Detections(*(arrays[f"{i}/{stage}/{name}"] for name in _DETECTION_FIELDS))

        traced.append(
            ImageStages(
                fact["image"],
                Geometry(**geometry),
                arrays[f"{i}/inputs"],
                RawOutputs(*(arrays[f"{i}/raw/{name}"] for name in OUTPUT_NAMES)),
                detections("candidates"),
                detections("detections"),
            )
        )
    return traced


def _geometry_json(geometry: Geometry) -> dict[str, Any]:
    """Describe a geometry in JSON types."""
    return {**geometry._asdict(), "offset_xy_px": list(geometry.offset_xy_px)}


def _arrays(found: Detections) -> tuple[FloatArray, ...]:
    return found.boxes_xyxy, found.scores, found.landmarks_xy

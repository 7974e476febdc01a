"""What a detector that works never shows: next to no detection, AP next to 0. Said, not judged."""

from __future__ import annotations

from collections.abc import Mapping

# The weakest published recipe has 37 % in its weakest split.
_LEAST_AP = 0.05
# Of one split beside others that are fine: over few images it may hold no face at all.
_LEAST_SPLIT_AP, _MANY_IMAGES = 0.005, 100
# Detections an image, at the score limit of 0.02, at which dozens are usual.
_LEAST_DETECTIONS = 0.1
_CAUSE = (
    "something is wrong with the outputs, the weights, the pipeline or the form of the boxes, not "
    "with the images; look at some: retinaface detect IMAGE --score 0.02 --draw DIR"
)


def next_to_nothing(
    ap: Mapping[str, float], *, n_images: int | None = None, n_detections: int | None = None
) -> str:
    """Say that a detector finds next to nothing; empty where it finds something.

    Args:
        ap: By split, as fractions; empty where none was measured.
        n_images: That were scored, where that is known.
        n_detections: In them, where that is known.
    """
    few = _few_detections(n_images, n_detections)
    low = _low_splits(ap, n_images or 0)
    if not (few or low):
        return ""
    figures = ", ".join(f"{split} {100 * ap[split]:.2f} %" for split in low)
    parts = [*([few] if few else []), *([f"AP next to 0 ({figures})"] if low else [])]
    return f"{', '.join(parts)}: {_CAUSE}"


def _few_detections(n_images: int | None, n_detections: int | None) -> str:
    if n_detections is None or not n_images or n_detections >= _LEAST_DETECTIONS * n_images:
        return ""
    return f"next to no detection ({n_detections} in {n_images} images)"


def _low_splits(ap: Mapping[str, float], n_images: int) -> list[str]:
    low = [split for split, value in ap.items() if not value >= _LEAST_AP]  # so for a NaN
    if len(low) == len(ap) or n_images < _MANY_IMAGES:
        return low if len(low) == len(ap) else []
    return [split for split in low if not ap[split] >= _LEAST_SPLIT_AP]


def unknown_checkpoint(source: str) -> str:
    """Say what a checkpoint may be that finds next to nothing and is no known one.

    Args:
        source: Name of its file.
    """
    return (
        f"{source} is neither the published checkpoint nor the embedded one: it may be of another "
        "network whose tensors fit here, such as Pytorch_Retinaface's (LeakyReLU, priors from "
        "16 px), which finds no face in this one"
    )


def no_face(n_images: int, score_above: float) -> str:
    """Say that no face was found in any of some images.

    Args:
        n_images: At least one.
        score_above: What a detection had to exceed.
    """
    where = "the image" if n_images == 1 else f"any of the {n_images} images"
    return (
        f"no face in {where} above a score of {score_above:g}; are there any, the model or the "
        "pipeline is wrong for them: lower --score shows weaker detections, --engine ort-cpu-fp32 "
        "those of the reference"
    )

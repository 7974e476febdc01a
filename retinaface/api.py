"""The public API, which `retinaface/__init__.py` offers: open, detect, evaluate, score, compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from retinaface.comparison.compare import RunComparison, compare_runs
from retinaface.detection.detections import Detections
from retinaface.detection.detector import detect_in_pixels
from retinaface.detection.images import read_image
from retinaface.detection.pipelines import PIPELINES, Pipeline
from retinaface.engines.base import Engine
from retinaface.engines.opening import open_engine as open_by_name
from retinaface.records.read import read_run
from retinaface.storage.location import location
from retinaface.storage.reading import local_copy
from retinaface.suite.sources import named_root
from retinaface.typing import ByteArray, Scores
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import Evaluation
from retinaface.widerface.evaluation import evaluate as evaluate_selection
from retinaface.widerface.ground_truth_files import read_truth
from retinaface.widerface.scoring import SCORINGS, Score, score_files
from retinaface.widerface.subsets import SUBSETS


def open_engine(
    name: str = "ort-cpu-fp32",
    *,
    pipeline: str = "igie",
    weights: str | Path | None = None,
    model: str | Path | None = None,
    engine_file: str | Path | None = None,
    scores: Scores = "probabilities",
    batch: int | None = None,
    threads: int | None = None,
    options: Mapping[str, str] | None = None,
) -> Engine:
    """Build an engine; use it in a `with` statement.

    Args:
        name: A built-in name, an entry point, or `package.module:factory`.
        pipeline: The engine is built for this recipe's input size.
        weights: A checkpoint; `embedded` for the one that ships with the package, which knows only
            generated faces; None for the published one.
        model: An exported ONNX file; None exports the weights and keeps the file in the cache.
        engine_file: A prebuilt engine, for runtimes that build files.
        scores: What the second output of the file holds: `probabilities`, or `logits`, to which
            softmax is applied.
        batch: Most images in one call, 1 or more; None for the pipeline's own.
        threads: Threads inside one call; None for the runtime's own choice.
        options: Values of options that the engine declares, by name.

    Raises:
        ValueError: An unknown pipeline, or a batch below 1.
        EngineUnavailable: The engine is unknown, not installed, or cannot run here or this model.
        ModelError: The model is damaged, or not of this network; it is an `EngineUnavailable`.
        WeightsError: The checkpoint cannot be used.
        AssetError: The published checkpoint cannot be found.
        ExportError: The export cannot be made.
    """
    recipe = _recipe(pipeline)
    if batch is not None and batch < 1:
        raise ValueError(f"cannot open {name}: batch must be 1 or more, got {batch}")
    return open_by_name(
        name,
        model=_path(model),
        engine_file=_path(engine_file),
        weights=None if weights is None else str(weights),
        scores=scores,
        max_batch=recipe.batch_size if batch is None else batch,
        input_size_px=recipe.input_size_px,
        threads=threads,
        shares_cpus=True,
        options=options,
    )


def detect(
    engine: Engine,
    image: str | Path | ByteArray,
    *,
    pipeline: str = "igie",
    score_above: float = 0.5,
) -> Detections:
    """Find faces in one image.

    Args:
        engine: An open engine with the pipeline's input size.
        image: A file, or pixels: (H, W, 3) uint8, BGR, as OpenCV reads them.
        score_above: Detections with a higher score are kept, in [0, 1]; the recipes themselves
            drop scores up to 0.02.

    Returns:
        Boxes, scores and landmarks, best first, in pixels of the image.

    Raises:
        ValueError: The pipeline is unknown or needs another input size than the engine's, or
            `score_above` lies outside [0, 1].
        TypeError: `image` is neither a path nor such an array.
        ImageError: The file cannot be used, or the image is too narrow.
        EngineFault: The outputs cannot be right.
    """
    recipe = _recipe_for(engine, pipeline)
    if not 0 <= score_above <= 1:  # true for a NaN, too
        raise ValueError(f"cannot detect: score_above must lie in [0, 1], got {score_above}")
    if isinstance(image, (str, Path)):
        name, pixels = str(image), read_image(Path(image))
    else:
        name, pixels = "given as an array", _checked_pixels(image)
    return detect_in_pixels(engine, recipe, pixels, name).above(score_above)


def evaluate(
    engine: Engine,
    data: str | Path | None = None,
    *,
    pipeline: str = "igie",
    ground_truth: str | Path | None = None,
    subset: str | None = None,
    limit: int | None = None,
    skip_bad_images: bool = False,
) -> Evaluation:
    """Measure WIDER FACE AP of an engine, by the official protocol.

    Args:
        engine: An open engine with the pipeline's input size.
        data: Folder or URL of the validation set; `embedded` for the pictures that ship with the
            package; None for the set in `RETINAFACE_ASSETS` or the cache.
        ground_truth: Folder of the ground truth, where it is not in that of the images.
        subset: `every-8` for every eighth image of each event.
        limit: Run only this many images, from the first; 1 or more.
        skip_bad_images: Count an image that does not decode as one with all faces missed.

    Returns:
        `ap` by split, as fractions, with the detections and counts behind it.

    Raises:
        ValueError: The pipeline or subset is unknown, the pipeline needs another input size than
            the engine's, or the limit is below 1.
        DatasetError: The data set is missing or incomplete.
        ImageError: An image cannot be used.
        EngineFault: The outputs cannot be right.
    """
    recipe = _recipe_for(engine, pipeline)
    _check_name("subset", subset, (None, *SUBSETS))
    if limit is not None and limit < 1:
        raise ValueError(f"cannot evaluate: limit must be 1 or more, got {limit}")
    dataset = open_widerface(named_root(data), ground_truth)
    return evaluate_selection(
        engine,
        recipe,
        dataset,
        dataset.select(subset, limit),
        batch_size=min(recipe.batch_size, engine.spec.max_batch),
        skip_bad_images=skip_bad_images,
    )


def score(
    predictions: str | Path,
    data: str | Path | None = None,
    *,
    ground_truth: str | Path | None = None,
    subset: str | None = None,
    scoring: Literal["official", "ixrt"] = "official",
) -> Score:
    """Score predictions that any detector made, by the official protocol.

    Args:
        predictions: Folder or zip of `<event>/<name>.txt` in the official format; what other tools
            write otherwise is read with a note in `notes`.
        data: Folder with the ground truth; otherwise as for `evaluate`.
        ground_truth: As for `evaluate`.
        subset: `every-8`, or None for the whole set.
        scoring: `ixrt` leaves out images without a prediction file, as the vendor's evaluator does;
            it is not WIDER FACE AP.

    Returns:
        `ap` by split, as fractions, with the number of images and notes on what it covers.

    Raises:
        ValueError: An unknown subset or scoring.
        DatasetError: Predictions or ground truth are missing or malformed.
        AssetError: The ground truth is neither in the folder nor among the pinned files.
    """
    _check_name("subset", subset, (None, *SUBSETS))
    _check_name("scoring", scoring, SCORINGS)
    root = location(ground_truth) if ground_truth and not data else named_root(data, images=False)
    truth, notes = read_truth(root, ground_truth)
    return score_files(Path(predictions), truth, subset=subset, scoring=scoring, notes=notes)


def compare(old: str | Path, new: str | Path) -> RunComparison:
    """Compare two run records: environment, metrics with intervals, outcomes of tests.

    Args:
        old: Folder or URL that `validate --record`, `evaluate --output`, `score --record` wrote.
        new: The same, of the new run.

    Raises:
        RecordError: A record is missing, damaged, or of a version that this release cannot read.
    """
    return compare_runs(*(read_run(local_copy(location(place))) for place in (old, new)))


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _check_name(what: str, name: str | None, known: tuple[str | None, ...]) -> None:
    if name not in known:
        expected = ", ".join(str(one) for one in known)
        raise ValueError(f"unknown {what} {name!r}; expected one of: {expected}")


def _recipe(pipeline: str) -> Pipeline:
    _check_name("pipeline", pipeline, tuple(PIPELINES))
    return PIPELINES[pipeline]


def _recipe_for(engine: Engine, pipeline: str) -> Pipeline:
    """Find a recipe, and refuse one that the engine was not opened for."""
    recipe, spec = _recipe(pipeline), engine.spec
    opened = None if spec.height_px is None else (spec.height_px, spec.width_px)
    if recipe.input_size_px != opened:
        raise ValueError(
            f"pipeline {pipeline} needs inputs of {_size(recipe.input_size_px)}, and "
            f"{spec.name} was opened for {_size(opened)}; open it with "
            f"open_engine({spec.name!r}, pipeline={pipeline!r})"
        )
    return recipe


def _size(size_px: tuple[int, int | None] | None) -> str:
    return "any size" if size_px is None else f"{size_px[0]}x{size_px[1]} px"


def _checked_pixels(image: Any) -> ByteArray:
    is_array = isinstance(image, np.ndarray)
    if is_array and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return np.asarray(image)
    got = f"{image.dtype} {image.shape}" if is_array else type(image).__name__
    raise TypeError(
        f"cannot detect in this image: expected a path, or (H, W, 3) uint8 in BGR, got {got}"
    )

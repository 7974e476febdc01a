"""Answers of the commands that find faces and measure AP: `detect`, `evaluate`, `score`, `demo`."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from retinaface.cli.output.answer import Answer


class FoundFaces(Struct, kw_only=True):
    """The detections of an image, best first.

    Attributes:
        width: Of the image, in pixels.
        height: Of the image, in pixels.
        boxes_xyxy: Left, top, right, bottom of each, in pixels.
        landmarks_xy: Five points of each, in pixels.
    """

    image: str
    width: int
    height: int
    boxes_xyxy: list[list[float]]
    scores: list[float]
    landmarks_xy: list[list[list[float]]]


class Detected(Answer, kw_only=True, tag="detect"):
    """Faces in images.

    Attributes:
        score_above: Only detections above this score.
        pictures: Folder of the pictures; None where none were drawn.
    """

    engine: str
    pipeline: str
    score_above: float
    images: list[FoundFaces]
    pictures: str | None


class ClusterRun(Struct, kw_only=True):
    """Who ran an evaluation.

    Attributes:
        n_workers: Most that were there at a time.
        n_lost: Workers that left in mid-run.
        n_repeated: Shards that a lost worker held, or that an idle one ran beside a slow one.
        images_per_s: From the first shard sent to the last one back.
    """

    scheduler: str
    dashboard: str
    n_workers: int
    n_lost: int
    n_repeated: int
    images_per_s: float


class Evaluated(Answer, kw_only=True, tag="evaluate"):
    """AP of an engine.

    Attributes:
        ap: By split, as fractions.
        limit: Only so many images were asked for.
        n_images: That were run and scored.
        detect_s: Seconds from the first read to the last detection.
        n_earlier: Images that a process which was killed had finished; not in `detect_s`.
        bad_images: Why an image could not be used, by its name; all its faces count as missed.
        predictions: Folder of the detections as text, where they were written.
        record: Folder of the run record, where one was written.
        cluster: Where the run was spread over workers.
    """

    engine: str
    pipeline: str
    batch: int
    scoring: str
    subset: str | None
    limit: int | None
    ap: dict[str, float]
    n_images: int
    detect_s: float
    n_earlier: int = 0
    bad_images: dict[str, str]
    predictions: str | None
    record: str | None
    cluster: ClusterRun | UnsetType = UNSET


class Scored(Answer, kw_only=True, tag="score"):
    """AP of predictions.

    Attributes:
        ap: By split, as fractions.
        n_images: That were scored.
        n_images_total: Of the set.
        missing: Images without a prediction file.
        record: Folder of the run record, where one was written.
    """

    ap: dict[str, float]
    predictions: str
    subset: str | None
    scoring: str
    n_images: int
    n_images_total: int
    n_detections: int
    missing: list[str]
    record: str | None


class DemoModel(Struct, kw_only=True):
    """An exported file of the demo."""

    file: str
    opset: int
    ir_version: int
    n_nodes: int
    n_bytes: int


class DemoErrors(Struct, kw_only=True):
    """Largest absolute error of each output of an engine against float64 torch."""

    engine: str
    largest: dict[str, float]


class DemoFaces(Struct, kw_only=True):
    """How many faces an image of the demo has."""

    image: str
    n_faces: int


class DemoAp(Struct, kw_only=True):
    """AP of the demo, by split, as fractions."""

    engine: str
    pipeline: str
    batch: int
    ap: dict[str, float]


class Demo(Answer, kw_only=True, tag="demo"):
    """The whole path, run once.

    Attributes:
        weights: What was exported, in words.
        weights_sha256: Hash of the checkpoint.
        inputs: Names of the inputs behind `errors`.
        score_above: Of the faces that are counted.
        accuracy: None where weights and pictures do not belong together.
        folder: Of the exported files and the pictures.
    """

    weights: str
    weights_sha256: str
    models: list[DemoModel]
    inputs: list[str]
    errors: list[DemoErrors]
    score_above: float
    faces: list[DemoFaces]
    accuracy: DemoAp | None
    folder: str

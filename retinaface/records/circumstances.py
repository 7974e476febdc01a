"""The types of the circumstances in a run record: machine, target, coverage."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

Json = dict[str, Any]
Batch = Annotated[int, Meta(ge=1)]


class Environment(Struct, kw_only=True, omit_defaults=True):
    """The machine; see `environment.describe_environment`. None: the record does not say."""

    python: str
    platform: str
    cpu: str
    packages: dict[str, str]
    implementation: str = ""
    libc: str | None = None
    machine: str = ""
    cpu_flags: list[str] | None = None
    n_cpus: Annotated[int, Meta(ge=1)] | None = None
    memory_mib: int | None = None
    clocks: dict[str, str | None] | None = None
    threads: dict[str, str] | None = None
    accelerators: list[Json] | None = None


class Weights(Struct, kw_only=True):
    """The checkpoint that a run was pointed at.

    Attributes:
        notes: What was removed, left out or converted to read it.
    """

    description: str = ""
    sha256: str | None = None
    embedded: bool = False
    notes: list[str] = []


class Data(Struct, kw_only=True):
    """The images that a run was pointed at."""

    embedded: bool = False


class Target(Struct, kw_only=True):
    """The engines, files and data of a run; see `suite.target`.

    Attributes:
        model_notes: What was read into the models, and what they were compared with.
        scores: What the second output of the files held: `probabilities` or `logits`.
        config: The configuration file, and the names of the options that came from it; else empty.
    """

    engines: list[str] = []
    pipelines: list[str] = []
    batch: Batch | None = None
    models: list[str] = []
    model_notes: list[str] = []
    scores: str = "probabilities"
    engine_files: list[str] = []
    engine_options: dict[str, str] = {}
    weights: Weights | None = None
    data: Data | None = None
    subset: str | None = None
    config: str = ""


class Skip(Struct, kw_only=True):
    """A reason for a skip, and the tests that it skipped."""

    reason: str
    tests: list[str]


class Coverage(Struct, kw_only=True, omit_defaults=True):
    """The basis of a verdict or a figure: the tests of `validate`, the images of `evaluate`."""

    suites: dict[str, dict[str, int]] = {}
    skipped: list[Skip] = []
    not_selected: dict[str, int] = {}
    left_by_quick: dict[str, int] = {}
    images: dict[str, int] = {}
    n_images: int | None = None
    n_images_total: int | None = None
    subset: str | None = None
    limit: int | None = None
    image_files_sha256: str = ""
    ground_truth_sha256: dict[str, str] = {}
    bad_images: dict[str, str] = {}
    embedded: bool = False
    notes: list[str] = []


class TracedGeometry(Struct, kw_only=True):
    """The way from an input back to its image: see `detection.pipelines.Geometry`."""

    original_height_px: Annotated[int, Meta(ge=1)]
    original_width_px: Annotated[int, Meta(ge=1)]
    input_height_px: Annotated[int, Meta(ge=1)]
    input_width_px: Annotated[int, Meta(ge=1)]
    offset_xy_px: tuple[float, float]
    gain: Annotated[float, Meta(gt=0)]
    clip: bool


class Traced(Struct, kw_only=True):
    """An image that is kept at every stage, and the way back from its input."""

    image: str
    geometry: TracedGeometry

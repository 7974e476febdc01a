"""The types of a run record: what `record.json` holds, and the JSON schema that follows from them.

JSON has no NaN and no infinity: they stand as the words nan, inf and -inf. A field that a result
lacks was not measured.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from retinaface.export.manifest import Manifest, Sha256
from retinaface.records.changed_images import Differences
from retinaface.records.circumstances import Batch, Coverage, Environment, Json, Target, Traced
from retinaface.records.result_id import ResultId
from retinaface.verdicts import Question, Verdict

State = Literal["running", "finished", "crashed"]
# null: it did not end.
Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "SKIPPED"] | None
_WORDS = {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}


class Machine(Struct, kw_only=True):
    """How steady fixed work was while calls were timed; see `checks.speed.machine`."""

    drift: float
    tail: float
    taken: float


class Speed(Struct, kw_only=True, omit_defaults=True):
    """Times of one call; see `checks.speed.timing.summarise`.

    Attributes:
        samples_s: Of all calls, or of very many evenly spaced ones.
        n_calls: That were timed; None in records of before, which keep all.
        drift: Median of the last third of the calls over that of the first.
        smallest_slowdown: Ratio to the baseline that its gate calls nine times of ten.
        machine: What it did meanwhile.
    """

    samples_s: list[float] = []
    n_calls: int | None = None
    median_s: float | None = None
    p90_s: float | None = None
    p99_s: float | None = None
    images_per_s: float | None = None
    drift: float | None = None
    smallest_slowdown: float | None = None
    machine: Machine | None = None


class Fidelity(Struct, kw_only=True, omit_defaults=True):
    """Error of one output on one kind of input against float64 torch.

    Attributes:
        variant: The export that the engine ran; empty for the model under test.
        kind: Of the input.
        output: `loc`, `conf`, `landmarks`; `all` in older records.
        max_abs: Largest absolute error.
        ratio: The error as a share of what is allowed: above 1 it fails.
        limit: Largest absolute error that is allowed.
        margin: What is left of the share that is allowed.
    """

    variant: str
    kind: str
    output: str
    max_abs: float
    ratio: float
    limit: float | None = None
    margin: float | None = None
    precision: str = ""
    floor: str = ""  # the noise floor, of `reference.floors`; empty in older records
    mean_abs: float | None = None
    p99_abs: float | None = None
    rms: float | None = None
    max_rel: float | None = None
    p99_rel: float | None = None
    cosine: float | None = None
    index: list[int] = []
    actual: float | None = None
    expected: float | None = None
    floor_max: float | None = None
    floor_rms: float | None = None


class Layer(Struct, kw_only=True, omit_defaults=True):
    """Largest error of a layer's output beside the noise floor of its precision."""

    layer: str
    max_abs: float
    noise_floor: float
    tensor: str = ""


class CheckResult(Struct, kw_only=True, omit_defaults=True):
    """One thing that was compared with a limit; see `verdicts.Check`."""

    name: str
    verdict: Verdict
    message: str
    numbers: Json
    value: float | None = None
    baseline: float | None = None
    limit: float | None = None
    margin: float | None = None
    unit: str = ""
    rest: float | None = None

    @property
    def share_left(self) -> float | None:
        """Compute what is left of the room between rest and limit, below 0 beyond the limit.

        None where the check has no room: it is a yes or no, or nothing at all is allowed.
        """
        if self.margin is None or self.limit is None:
            return None
        rest = self.rest if self.baseline is None and self.rest is not None else 0.0
        room = self.limit - rest
        return self.margin / room if room > 0 else None


class ModelFile(Struct, kw_only=True, omit_defaults=True):
    """The file that an engine ran.

    Attributes:
        file: Its name.
        sha256: Of its content.
        kept: Path in the record's folder; None where it was too large.
        manifest: What the export wrote beside it; None where it wrote nothing.
        manifest_problem: Why the manifest beside it could not be kept.
        weights: SHA-256 of each file of weights that the graph names, by the file's name.
    """

    file: str
    sha256: Sha256
    kept: str | None
    manifest: Manifest | None
    manifest_problem: str = ""
    weights: dict[str, Sha256] = {}


class Result(Struct, kw_only=True, omit_defaults=True):
    """The figures of an engine, a pipeline, a precision and a batch.

    Attributes:
        source: `predictions` for files that any detector may have written; else an engine ran.
    """

    id: str
    source: str = ""
    engine: Json = {}
    pipeline: str = ""
    precision: str = ""
    batch: Batch | None = None
    scoring: str = ""
    coverage: str = ""
    ap: dict[str, float] = {}
    n_images: int | None = None
    n_detections: int | None = None
    images_sha256: str | None = None  # of names alone; in older records
    image_files_sha256: str | None = None
    detect_s: float | None = None
    speed: dict[str, Speed] = {}
    images_per_s_over: dict[str, list[float]] = {}
    share_of_peak: list[float] = []
    fidelity: list[Fidelity] = []
    layers: list[Layer] = []
    against: str = ""
    differences: Differences | None = None
    checks: list[CheckResult] = []
    traced: list[Traced] = []
    model: ModelFile | None = None

    @property
    def key(self) -> ResultId:
        """Give engine, pipeline and batch."""
        return ResultId.parse(self.id)


class TestResult(Struct, kw_only=True, omit_defaults=True):
    """One test of a run.

    Attributes:
        question: That it answers; None in older records, and for a test that names none.
        engine: That it judges; empty where it runs none.
        pipeline: That it judges; empty where all share its answer.
    """

    __test__ = False  # pytest would take the name for a test class

    id: str
    verdict: Outcome
    reason: str
    checks: list[CheckResult]
    seconds: float = 0.0
    question: Question | None = None
    engine: str = ""
    pipeline: str = ""


class Record(Struct, kw_only=True, omit_defaults=True):
    """A run: its command, its circumstances and its findings. Arrays lie beside it."""

    schema_version: Literal[3]
    command: str
    created: str
    retinaface: str
    commit: str | None  # of the checkout; +dirty if changed
    environment: Environment
    state: State
    running: str | None  # the test that was running when the record was last written
    verdict: Verdict | None  # None: nothing was judged, as by `evaluate`
    results: list[Result]
    tests: list[TestResult]
    target: Target | None = None
    executable: str | None = None  # the interpreter, for a command that runs it again
    problem: str | None = None
    crash: str | None = None
    seconds: float | None = None
    times_s: dict[str, float] = {}  # where they went: by suite, and decoding, inference, ...
    coverage: Coverage | None = None
    ap: dict[str, float] = {}
    warnings: list[str] = []  # what stands beside the verdict
    arrays: dict[str, Sha256] = {}  # hash of each file of arrays


def json_schema() -> Json:
    """Make the JSON schema of `record.json`."""
    return dict(with_words(msgspec.json.schema(Record)))


def with_words(schema: Any) -> Any:
    """Allow the words for NaN and infinity wherever a number stands."""
    if schema == {"type": "number"}:
        return _WORDS
    if isinstance(schema, dict):
        return {key: with_words(value) for key, value in schema.items()}
    return [with_words(item) for item in schema] if isinstance(schema, list) else schema

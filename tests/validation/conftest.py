"""What the validation suites share: the matrix, and costly things that are made once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retinaface.detection.pipelines import PIPELINES, Pipeline, photograph_inputs
from retinaface.engines.catalogue import find_engine
from retinaface.records.traced_images import ImageStages, spread, trace
from retinaface.suite.cases import Cases
from retinaface.suite.counting_engine import Witness
from retinaface.suite.needs import POOL
from retinaface.suite.plugin import TARGET
from retinaface.suite.pool import FIXED_SIZE, EnginePool
from retinaface.suite.target import Target
from retinaface.widerface.dataset import WiderFace, open_widerface
from retinaface.widerface.evaluation import Evaluation, evaluate

# Exports that are judged: exporter, opset; those of the default run first.
CORE_EXPORTS = (("torchscript", 13), ("dynamo", 18), ("dynamo", 20))
ALL_EXPORTS = (
    *CORE_EXPORTS,
    *(("torchscript", opset) for opset in range(11, 21) if opset != 13),
    *(("dynamo", opset) for opset in (16, 17, 19)),
)
GIVEN = "given"


@dataclass(frozen=True)
class Variant:
    """One export: which exporter, opset, and whether it is simplified; or a file that was given."""

    exporter: str
    opset: int
    simplify: bool

    def __str__(self) -> str:
        return f"{self.exporter}-{self.opset}-{'simplified' if self.simplify else 'raw'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Exporters and new SDKs warn by nature: here warnings are shown, not raised."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spread the tests over the matrix; what a machine lacks is skipped later, in words."""
    target = metafunc.config.stash[TARGET]
    if "variant" in metafunc.fixturenames:
        metafunc.parametrize("variant", _variants(target))
    if "pipeline_name" in metafunc.fixturenames and "engine_name" in metafunc.fixturenames:
        metafunc.parametrize(
            ("engine_name", "pipeline_name"),
            [
                pytest.param(
                    engine,
                    pipeline,
                    id=f"{engine}-{pipeline}",
                    marks=pytest.mark.needs(
                        engine=engine,
                        input_size=(engine, pipeline),
                        **({"fast": engine} if find_engine(engine).is_slow else {}),
                    ),
                )
                for engine in target.engines
                for pipeline in target.pipelines
            ],
        )
    elif "engine_name" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        params = [_engine_param(name, marks) for name in target.engines]
        # All of the contract or the builds of one engine, then the next: each is opened anew.
        scope = "module" if {"subject", "builds"} & set(metafunc.fixturenames) else None
        metafunc.parametrize("engine_name", params, scope=scope)


# What an engine must offer for a test with such a mark.
_OFFERS = {"shows_layers": "layers", "on_device": "stages", "builds": "builds"}


def _engine_param(name: str, marks_of_test: set[str]) -> Any:
    marks = [pytest.mark.needs(engine=name)]
    if "speed" in marks_of_test and find_engine(name).is_slow:
        marks.append(pytest.mark.needs(fast=name))
    for mark, offer in _OFFERS.items():
        if mark in marks_of_test:
            marks.append(pytest.mark.needs(**{offer: name}))
    if find_engine(name).device != "cpu":
        marks.append(pytest.mark.gpu)
    return pytest.param(name, id=name, marks=marks)


def _variants(target: Target) -> list[Any]:
    if target.models:
        return [pytest.param(GIVEN, id=GIVEN, marks=pytest.mark.core)]
    needs = pytest.mark.needs("torch", "onnx", "onnxsim")
    return [
        pytest.param(
            Variant(exporter, opset, simplify),
            id=str(Variant(exporter, opset, simplify)),
            marks=[needs, pytest.mark.exhaustive]
            + ([pytest.mark.core] if (exporter, opset) in CORE_EXPORTS else []),
        )
        for exporter, opset in ALL_EXPORTS
        for simplify in (False, True)
    ]


@pytest.fixture(scope="session")
def pool(pytestconfig: pytest.Config) -> EnginePool:
    """The engines of the run."""
    return pytestconfig.stash[POOL]


@pytest.fixture(scope="session")
def dataset(target: Target) -> WiderFace:
    """The data set of the run."""
    return open_widerface(target.data.root)


@pytest.fixture(scope="session")
def photographs(target: Target):
    """The first n photographs of the run, spread over the events: bytes by name."""

    @functools.cache
    def get(n: int) -> dict[str, bytes]:
        data = open_widerface(target.data.root)
        chosen = spread(data.select(target.subset).images, n)
        return {name: data.read_bytes(name) for name in chosen}

    return get


@pytest.fixture(scope="session")
def pipeline(target: Target) -> Pipeline:
    """The recipe of raw outputs and timings: the first of the run's whose inputs have one size."""
    fixed = [p for p in target.pipelines if PIPELINES[p].input_size_px == FIXED_SIZE]
    return PIPELINES[fixed[0] if fixed else "igie"]


@pytest.fixture(scope="session")
def cases(target: Target, pipeline: Pipeline, photographs) -> Cases:
    """Inputs of every kind with their exact outputs."""
    return Cases(target, lambda n: photograph_inputs(photographs(n), pipeline))


@pytest.fixture(scope="session")
def exported(target: Target, tmp_path_factory: pytest.TempPathFactory):
    """Make each export once: `exported(variant)` gives its path."""
    folder = tmp_path_factory.mktemp("exports")
    made: dict[Variant, Path] = {}

    def get(variant: Variant | str) -> Path:
        if variant == GIVEN:
            return target.models[0]
        assert isinstance(variant, Variant)
        if variant not in made:
            from retinaface.export.exporter import ExportOptions, export
            from retinaface.network.checkpoint import load_model

            path = folder / f"{variant}.onnx"
            options = ExportOptions(
                exporter=variant.exporter, opset=variant.opset, simplify=variant.simplify
            )
            export(load_model(target.weights.source), options, path)
            made[variant] = path
        return made[variant]

    return get


@dataclass(frozen=True)
class Measured:
    """An evaluation, how many images went through the engine for it, and what to keep of it."""

    evaluation: Evaluation
    n_inferred: int
    batch: int
    engine: dict[str, Any]
    stages: list[ImageStages]
    model: Path | None


@pytest.fixture(scope="session")
def evaluated(target: Target, pool: EnginePool, dataset: WiderFace):
    """Evaluate each engine and pipeline once: `evaluated(engine, pipeline)`."""
    made: dict[tuple[str, str], Measured | Exception] = {}

    def get(engine_name: str, pipeline_name: str) -> Measured:
        key = engine_name, pipeline_name
        if key not in made:
            try:
                made[key] = run(engine_name, pipeline_name)
            except Exception as error:  # noqa: BLE001 - kept, so that every test that needs it says why
                made[key] = error
        found = made[key]
        if isinstance(found, Exception):
            raise found
        return found

    def run(engine_name: str, pipeline_name: str) -> Measured:
        pipeline = PIPELINES[pipeline_name]
        engine = Witness(pool.get(engine_name, size_px=pipeline.input_size_px))
        batch = target.batch or pipeline.batch_size
        evaluation = evaluate(
            engine,
            pipeline,
            dataset,
            dataset.select(target.subset),
            batch_size=batch,
            skip_bad_images=True,
            progress=True,
        )
        n_inferred = engine.n_images
        traced = {name: dataset.read_bytes(name) for name in spread(tuple(evaluation.detections))}
        stages = trace(engine, pipeline, traced)
        return Measured(evaluation, n_inferred, batch, engine.describe(), stages, engine.spec.model)

    return get

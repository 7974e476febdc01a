"""Set up the validation suites: their matrix, and costly things made once."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from retinaface.detection.pipelines import PIPELINES, Pipeline, photograph_inputs
from retinaface.records.traced_images import spread
from retinaface.suite.hooks.stash import POOL, TARGET
from retinaface.suite.judged.cases import Cases
from retinaface.suite.judged.evaluations import Measured, evaluate_for_run
from retinaface.suite.judged.outputs import Explainer
from retinaface.suite.judged.scored import remembered
from retinaface.suite.matrix import (
    GIVEN,
    Variant,
    engine_batch_params,
    engine_params,
    engine_pipeline_params,
    variant_params,
)
from retinaface.suite.needs import pipelines_asked_of
from retinaface.suite.pool import FIXED_SIZE, EnginePool
from retinaface.suite.run import ValidationRun
from retinaface.suite.target import Target
from retinaface.widerface.dataset import WiderFace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Show warnings instead of raising them: exporters and new SDKs warn by nature."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spread the tests over the matrix; what a machine lacks is skipped and named later."""
    target = metafunc.config.stash[TARGET]
    if "variant" in metafunc.fixturenames:
        metafunc.parametrize("variant", variant_params(target))
    if "pipeline_name" in metafunc.fixturenames and "engine_name" in metafunc.fixturenames:
        metafunc.parametrize(
            ("engine_name", "pipeline_name"),
            engine_pipeline_params(target, metafunc.definition.iter_markers()),
        )
    elif metafunc.definition.get_closest_marker("each_batch"):
        params = engine_batch_params(target, metafunc.definition.iter_markers())
        metafunc.parametrize(("engine_name", "batch"), params)
    elif "engine_name" in metafunc.fixturenames:
        params = engine_params(target, metafunc.definition.iter_markers())
        # All tests of contract or builds for one engine, then the next: each is opened anew.
        scope = "module" if {"subject", "builds"} & set(metafunc.fixturenames) else None
        metafunc.parametrize("engine_name", params, scope=scope)


@pytest.fixture(scope="session")
def pool(pytestconfig: pytest.Config) -> EnginePool:
    """Give the engines of the run."""
    return pytestconfig.stash[POOL]


@pytest.fixture(scope="session")
def dataset(target: Target) -> WiderFace:
    """Give the data set of the run."""
    return target.data.open()


@pytest.fixture(scope="session")
def photographs(target: Target):
    """Read the first n photographs of the run, spread over the events: bytes by name."""

    @functools.cache
    def get(n: int) -> dict[str, bytes]:
        data = target.data.open()
        chosen = spread(data.select(target.subset).images, n)
        return {name: data.read_bytes(name) for name in chosen}

    return get


@pytest.fixture(scope="session")
def pipeline(target: Target) -> Pipeline:
    """Choose the recipe of raw outputs and timings: the run's first whose inputs have one size."""
    fixed = [p for p in target.pipelines if PIPELINES[p].input_size_px == FIXED_SIZE]
    return PIPELINES[fixed[0] if fixed else "igie"]


@pytest.fixture(scope="session")
def cases(target: Target, pipeline: Pipeline, photographs) -> Cases:
    """Give inputs of every kind with their exact outputs."""
    return Cases(target, lambda n: photograph_inputs(photographs(n), pipeline))


@pytest.fixture(scope="session")
def explained(cases: Cases):
    """Add the layer that starts it to a check that failed: `explained(check, engine, case)`."""
    return Explainer(cases).explain


@pytest.fixture(scope="session")
def exact_case(cases: Cases):
    """Run torch on a batch of network inputs, once for each: `exact_case(images)`."""
    return remembered(cases.of_inputs)


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
            path = folder / f"{variant}.onnx"
            variant.export(target.weights.source, path)
            made[variant] = path
        return made[variant]

    return get


@pytest.fixture(scope="session")
def evaluated(
    request: pytest.FixtureRequest,
    pool: EnginePool,
    dataset: WiderFace,
    validation_run: ValidationRun,
):
    """Evaluate each engine and pipeline once, and record it: `evaluated(engine, pipeline)`.

    The first test of an engine pays for all pipelines that tests of this run ask of it: their
    images are decoded once. An engine that raises for one pipeline fails the tests of that one.
    """
    made: dict[tuple[str, str], Measured | Exception] = {}
    items = request.session.items

    def get(engine_name: str, pipeline_name: str) -> Measured:
        if (engine_name, pipeline_name) not in made:
            wanted = pipelines_asked_of(engine_name, items, first=pipeline_name)
            together = [name for name in wanted if (engine_name, name) not in made]
            found = evaluate_for_run(validation_run, pool, dataset, engine_name, together)
            made.update({(engine_name, name): each for name, each in found.items()})
        found = made[engine_name, pipeline_name]
        if isinstance(found, Exception):
            raise found
        return found

    return get

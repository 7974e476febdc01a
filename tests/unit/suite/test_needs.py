"""Marks name what a test needs; a missing need is one skip that names it, or a failure."""

from types import SimpleNamespace

import pytest

from retinaface.suite import needs
from retinaface.suite.hooks.stash import SETTINGS, TARGET
from retinaface.suite.needs import (
    POOL,
    Need,
    missing,
    needs_of,
    pipelines_asked_of,
    pytest_runtest_setup,
)
from retinaface.suite.settings.given import Settings
from retinaface.suite.target import Target

ENGINE = "acme.engines:acme_cpu_fp32"


@pytest.fixture(autouse=True)
def probed(monkeypatch):
    """List the probes that are called, and set what they find."""
    asked, found = [], {}

    def probe(name):
        return lambda *_: asked.append(name) or found.get(name)

    monkeypatch.setattr(needs, "PROBES", {n: probe(n) for n in ("torch", "widerface", "full-set")})
    monkeypatch.setattr(needs, "ENGINE_PROBES", {n: probe(n) for n in ("engine", "layers", "fast")})
    monkeypatch.setattr(needs, "opening_problem", probe("input_size"))
    return SimpleNamespace(asked=asked, found=found)


def item(*marks, target=Target(), require=()):
    config = SimpleNamespace(
        stash={TARGET: target, POOL: None, SETTINGS: Settings()},
        getoption=lambda name: list(require) if name == "require" else None,
    )
    named = [mark.mark for mark in marks]
    return SimpleNamespace(config=config, iter_markers=lambda _name: named)


def failure(test):
    """Give the message of a failure; a skip would skip the test that looks for it."""
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception)) as ended:
        pytest_runtest_setup(test)
    assert ended.type is pytest.fail.Exception
    return str(ended.value)


def test_needs_are_named_or_are_of_an_engine():
    marks = (
        pytest.mark.needs("torch", "widerface"),
        pytest.mark.needs(layers=ENGINE, input_size=(ENGINE, "igie"), batch=(ENGINE, 8)),
    )
    assert list(needs_of(item(*marks))) == [
        Need("torch"),
        Need("widerface"),
        Need("layers", ENGINE),
        Need("input_size", ENGINE, "igie"),
        Need("batch", ENGINE, batch=8),
    ]


def test_what_is_there_lets_a_test_run_and_is_looked_for_once(probed):
    test = item(pytest.mark.needs("torch", engine=ENGINE, input_size=(ENGINE, "igie")))
    for _ in range(2):
        pytest_runtest_setup(test)
    assert probed.asked == ["torch", "engine", "input_size"]


def test_a_missing_need_is_a_skip_that_names_it(probed):
    probed.found |= {"torch": "there is none", "layers": "it shows none"}
    with pytest.raises(pytest.skip.Exception) as skipped:
        pytest_runtest_setup(item(pytest.mark.needs("torch", layers=ENGINE)))
    assert str(skipped.value) == f"needs torch: there is none; needs layers:{ENGINE}: it shows none"


def test_a_missing_engine_is_named_once(probed):
    probed.found |= dict.fromkeys(("engine", "layers", "input_size"), "no board")
    marks = pytest.mark.needs(engine=ENGINE, layers=ENGINE, input_size=(ENGINE, "igie"))
    with pytest.raises(pytest.skip.Exception) as skipped:
        pytest_runtest_setup(item(marks, target=Target(engines=(ENGINE,))))
    assert str(skipped.value) == f"needs engine:{ENGINE}: no board"


def test_what_lacks_the_data_lacks_the_full_set(probed):
    probed.found |= dict.fromkeys(("widerface", "full-set"), "no images")
    with pytest.raises(pytest.skip.Exception, match="^needs widerface: no images$"):
        pytest_runtest_setup(item(pytest.mark.needs("full-set", "widerface")))


def test_what_the_user_named_is_a_failure(probed):
    probed.found |= {"torch": "there is none", "engine": "no board"}
    assert failure(item(pytest.mark.needs("torch"), require=["torch"])) == (
        "--require torch: there is none"
    )
    named = Target(engines=(ENGINE,), engines_named=True)
    assert failure(item(pytest.mark.needs(engine=ENGINE), target=named)) == (
        f"--engine {ENGINE}: no board"
    )


def test_a_probe_is_asked_by_name_too(probed):
    probed.found["torch"] = "there is none"
    assert missing("torch", item().config) == "there is none"


def evaluating(pipeline, *marks, engine=ENGINE, fixtures=("evaluated",)):
    test = item(*marks)
    test.fixturenames = fixtures
    test.callspec = SimpleNamespace(params={"engine_name": engine, "pipeline_name": pipeline})
    return test


def test_an_engine_is_asked_for_the_pipelines_of_tests_that_will_run(probed):
    probed.found["widerface"] = "is not here"
    items = [
        evaluating("igie"),
        evaluating("ixrt"),
        evaluating("ixrt"),
        evaluating("upstream-320", pytest.mark.needs("widerface")),
        evaluating("upstream-640", fixtures=("pool",)),
        evaluating("upstream-640", engine="another"),
    ]
    assert pipelines_asked_of(ENGINE, items, first="igie") == ["igie", "ixrt"]
    assert pipelines_asked_of(ENGINE, items[:1], first="igie") == ["igie"]
    assert pipelines_asked_of(ENGINE, items, first="ixrt") == ["ixrt", "igie"]

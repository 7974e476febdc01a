"""Declared options of an engine, and refusals of undeclared ones."""

import pytest

from retinaface.engines.opening import build_engine, open_engine
from retinaface.engines.options import check_options, is_on
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from tests.support.engines import Counting, spec

KNOWN = {"fusions": "on or off", "batch": "images in a call"}


class Declares(Counting):
    """A third party's engine with its own options."""

    other_options_go_to = None
    known_options = KNOWN


class DeclaresNone(Declares):
    known_options = {}  # noqa: RUF012 - likewise


class Closing(DeclaresNone):
    n_closed = 0

    def close(self):
        Closing.n_closed += 1


def made_by_a_function(asked):
    return Closing(asked)


def test_declared_options_are_taken():
    check_options("acme", KNOWN, KNOWN)
    check_options("acme", {}, {})


@pytest.mark.parametrize(
    ("option", "step"),
    [
        ("fusion", "did you mean fusions[?]$"),
        ("bach", "did you mean batch[?]$"),
        ("streams", "leave it out$"),
    ],
)
def test_an_undeclared_option_is_refused_with_the_declared_ones(option, step):
    listed = r"expected one of: fusions \(on or off\), batch \(images in a call\)"
    with pytest.raises(
        EngineUnavailable, match=f"acme: unknown option '{option}'; {listed}; {step}"
    ):
        check_options("acme", {"batch": "8", option: "1"}, KNOWN)


def test_an_engine_without_options_refuses_all():
    with pytest.raises(EngineUnavailable, match="acme takes no options, got a, b; leave them out"):
        check_options("acme", {"a": "1", "b": "2"}, {})


def test_only_a_likely_typo_is_refused_if_others_go_to_a_provider():
    check_options("acme", {"streams": "2", "enable_fusion_passes": "1"}, KNOWN, "the provider")
    with pytest.raises(
        EngineUnavailable, match="or an option of the provider; did you mean fusions"
    ):
        check_options("acme", {"streams": "2", "fusion": "off"}, KNOWN, "the provider")


def test_a_switch_is_on_or_off():
    assert is_on("acme", {"fusions": "on"}, "fusions", default=False)
    assert not is_on("acme", {"fusions": "off"}, "fusions", default=True)
    assert is_on("acme", {}, "fusions", default=True)
    with pytest.raises(EngineUnavailable, match="acme: option fusions must be on or off, got 'no'"):
        is_on("acme", {"fusions": "no"}, "fusions", default=True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Declares", "unknown option 'fusion'; .*; did you mean fusions"),
        ("DeclaresNone", "takes no options, got fusion; leave them out"),
        ("made_by_a_function", "takes no options, got fusion; leave them out"),
    ],
)
def test_a_third_partys_engine_refuses_undeclared_options(name, reason, tmp_path):
    write_model(tmp_path / "x.onnx")
    with pytest.raises(EngineUnavailable, match=reason):
        open_engine(f"{__name__}:{name}", model=tmp_path / "x.onnx", options={"fusion": "off"})
    with pytest.raises(EngineUnavailable, match=reason):  # as a worker builds it
        build_engine(spec(options={"fusion": "off"}), f"{__name__}:{name}")


def test_an_engine_that_a_function_built_is_closed_when_it_is_refused():
    before = Closing.n_closed
    with pytest.raises(EngineUnavailable, match="takes no options"):
        build_engine(spec(options={"a": "1"}), f"{__name__}:made_by_a_function")
    assert Closing.n_closed == before + 1


def test_an_option_is_refused_before_an_export_is_made(monkeypatch):
    monkeypatch.setattr("retinaface.engines.opening.EngineSpec", None)  # none is made
    with pytest.raises(EngineUnavailable, match="takes no options"):
        open_engine(f"{__name__}:DeclaresNone", options={"a": "1"})

"""Choose the engines of a test: what an engine is leaves tests out, what it lacks skips them.

    @pytest.mark.precision("fp32")     # what the catalogue says: other engines are not collected
    @pytest.mark.offers("layers")      # what only an open engine tells: skipped, in words

What the catalogue says is in `_IS`, what an open engine tells is in `probes.ENGINE_PROBES`; a
capability is in one of the two. What a machine lacks is a need, as all else: see `needs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from retinaface.engines.catalogue import EngineEntry, find_engine
from retinaface.suite.target import Target

OFFERS = "offers"

# Mark of a test: whether it is for an engine, by its entry in the catalogue, the values of the mark
# and whether prebuilt files of it are judged (then nothing is built, of one export or of many).
_IS: dict[str, Callable[[EngineEntry, tuple[Any, ...], bool], bool]] = {
    "precision": lambda entry, precisions, _: entry.precision in precisions,
    "on_device": lambda entry, _, __: entry.device != "cpu",
    "builds": lambda entry, _, is_given: entry.builds_files and not is_given,
    "exported": lambda entry, _, is_given: entry.loads_onnx and not is_given,
}


def is_for_engine(item: pytest.Item, target: Target) -> bool:
    """Tell whether a test is for the engine among its parameters; true where it has none."""
    parameters = getattr(item, "callspec", None)
    name = parameters.params.get("engine_name") if parameters else None
    if name is None:
        return True
    entry, is_given = find_engine(name), bool(target.files_of(name))
    marks = {name: item.get_closest_marker(name) for name in _IS}
    return all(_IS[name](entry, mark.args, is_given) for name, mark in marks.items() if mark)


def engine_marks(engine: str, marks: Iterable[pytest.Mark]) -> Iterator[pytest.MarkDecorator]:
    """Give the marks that a test gets for one engine: its needs, and `gpu` where that applies."""
    of_test = list(marks)
    entry = find_engine(engine)
    yield pytest.mark.needs(engine=engine)
    if entry.is_slow and any(mark.name == "speed" for mark in of_test):
        yield pytest.mark.needs(fast=engine)
    for mark in of_test:
        if mark.name == OFFERS:
            yield from (pytest.mark.needs(**{offer: engine}) for offer in mark.args)
    if entry.device != "cpu":
        yield pytest.mark.gpu

"""The command that times the two sides of a comparison turn by turn, from what records know."""

from __future__ import annotations

import shlex
from pathlib import Path

from retinaface.comparison.pairs import Pair
from retinaface.records.read import Run

# In place of an interpreter that is not known, or that no longer has the old packages.
OLD_PYTHON, NEW_PYTHON = "OLD-PYTHON", "NEW-PYTHON"


def ab_command(pair: Pair) -> str:
    """Write `retinaface ab` for one pair of results of a network.

    It names the interpreters that made the records, the files that the records keep, and the
    settings of the runs. Where both records come from one interpreter whose packages changed, the
    old environment is gone, and a placeholder stands for one like it.
    """
    old, new = pair.runs
    engines = [result.key.engine for result in pair.results]
    pythons = [run.record.executable for run in pair.runs]
    is_gone = pythons[0] == pythons[1] and _packages(old) != _packages(new)
    words = ["retinaface", "ab"]
    words += ["--a", (not is_gone and pythons[0]) or OLD_PYTHON]
    words += ["--b", pythons[1] or NEW_PYTHON]
    words += _sides("engine", *engines)
    words += ["--batch", str(pair.results[1].key.batch)]
    models = [_model(run, engine) for run, engine in zip(pair.runs, engines, strict=True)]
    words += _sides("model", *(None if model is None else str(model) for model in models))
    target = new.record.target
    if models == [None, None] and target and target.weights and target.weights.embedded:
        words += ["--weights", "embedded"]
    options = [run.record.target.engine_options if run.record.target else {} for run in pair.runs]
    words += [word for item in options[0].items() for word in _option("engine-option", item)]
    for item in options[1].items() - options[0].items():
        words += _option("engine-option-b", item)
    return shlex.join(words)


def _packages(run: Run) -> dict[str, str]:
    return dict(run.environment["packages"])


def _sides(option: str, old: str | None, new: str | None) -> list[str]:
    """Give an option once where both sides have the same, else for each."""
    words = [f"--{option}", old] if old else []
    return words if new in (old, None) else [*words, f"--{option}-b", str(new)]


def _option(option: str, item: tuple[str, str]) -> list[str]:
    return [f"--{option}", "=".join(item)]


def _model(run: Run, engine: str) -> Path | None:
    """Find the file that an engine ran, among those that the record keeps of any result."""
    found = (run.model(result.id) for result in run.results.values() if result.key.engine == engine)
    return next((path for path in found if path is not None), None)

"""Time one engine by either protocol, with its outputs checked; nothing is judged beside them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.checks.quantities import check_probabilities
from retinaface.checks.speed.timing import CheckedInputs, calls_in_budget
from retinaface.engines.base import Engine
from retinaface.engines.staged import StagedEngine
from retinaface.errors import EngineFault
from retinaface.network.outputs import RawOutputs
from retinaface.network.scenes import synthetic_inputs
from retinaface.reference.stored import ReferenceCase
from retinaface.suite.judged.calls import run_s, vendor_run_s
from retinaface.suite.judged.cases import Cases, missing_reference
from retinaface.suite.judged.floors import checked_inputs
from retinaface.suite.target import make_target
from retinaface.typing import FloatArray, Scores, float_of
from retinaface.verdicts import Check, Verdict

_KIND = "scene"
_N_CASES = 32
_N_WARM_UP = 3
_SEED = 0


@dataclass
class OutputCheck:
    """Compares the outputs of timed calls with exact ones, where there are any.

    Attributes:
        words: What is checked, for the reader.
        weights: What the engine is made from, where the caller named no file.
        case: Inputs and exact outputs; None where there are no exact ones.
        n_checked: Calls whose outputs were checked.
    """

    words: str
    weights: str | None
    case: ReferenceCase | None
    n_checked: int = 0
    _inputs: CheckedInputs | None = field(default=None, repr=False)
    _images: FloatArray | None = field(default=None, repr=False)

    def fill(self, engine: Engine, batch: int) -> FloatArray:
        """Give the next batch."""
        if self.case is not None:
            if self._inputs is None:
                self._inputs = checked_inputs(engine, self.case, batch)
            return self._inputs.fill()
        if self._images is None:
            made = synthetic_inputs(min(batch, _N_CASES), _SEED)
            self._images = np.resize(made, (batch, *made.shape[1:]))
        return self._images

    def check(self, engine: Engine, outputs: RawOutputs) -> None:
        """Check the outputs of the last batch.

        Raises:
            EngineFault: They are wrong.
        """
        self.n_checked += 1
        if self._inputs is not None:
            self._inputs.check(outputs)
            found = self._inputs.verdict("outputs")
        else:
            found = check_probabilities("outputs", outputs.scores, float_of(engine.spec.precision))
            if not all(np.isfinite(array).all() for array in outputs):
                found = Check("outputs", Verdict.FAIL, "a value is NaN or infinite")
        if found.verdict is Verdict.FAIL:
            raise EngineFault(
                f"{engine.spec.name}: {found.message}; no figure is printed for wrong outputs"
            )


def output_check(
    engine: str,
    model: Path | None,
    engine_file: Path | None,
    weights: str | None,
    scores: Scores,
) -> OutputCheck:
    """Choose what outputs are compared with, as a validation run does.

    Raises:
        RetinaFaceError: As `make_target` says.
    """
    if engine_file is not None and weights is None:
        return OutputCheck(
            "finite, and probabilities; --weights compares them with exact ones", None, None
        )
    target = make_target(
        engines=(engine,),
        models=(model,) if model else (),
        engine_files=(engine_file,) if engine_file else (),
        scores=scores,
        weights=weights,
    )
    source = None if target.has_files else target.weights.source
    if (why := missing_reference(target, _KIND)) is not None:
        return OutputCheck(f"finite, and probabilities ({why})", source, None)
    case = Cases(target, _no_photographs).judging(engine, _KIND, _N_CASES)
    return OutputCheck("equal exact ones within the noise of the precision", source, case)


def _no_photographs(n: int) -> FloatArray:
    raise ValueError(f"a bench runs on scenes, not on {n} photographs")


def time_engine(engine: Engine, batch: int, protocol: str, check: OutputCheck) -> dict[str, Any]:
    """Time an engine, and give the figures; JSON types.

    Args:
        batch: Images in one call.
        protocol: `ours` or `vendor`.
        check: Of the outputs.

    Raises:
        EngineFault: Outputs are wrong, or the runtime failed.
    """
    is_staged = isinstance(engine, StagedEngine)
    what = "runs" if is_staged else "calls with their copies"
    call_s = min(_time_call(engine, batch, check) for _ in range(_N_WARM_UP))
    if protocol == "vendor":
        n = engine.n_vendor_runs if isinstance(engine, StagedEngine) else StagedEngine.n_vendor_runs
        run_s = _back_to_back(engine, batch, n, check)
        timed = f"mean of {n} {what} back to back"
    else:
        times = [_time_call(engine, batch, check) for _ in range(calls_in_budget(call_s))]
        n, run_s = len(times), float(np.median(times))
        timed = f"median of {n} {what}"
    return {
        "batch": batch,
        "protocol": protocol,
        "timed": timed,
        "n_runs": n,
        "run_s": run_s,
        "images_per_s": batch / run_s,
        "n_checked": check.n_checked,
    }


def _time_call(engine: Engine, batch: int, check: OutputCheck) -> float:
    """Time one call, without its copies where the engine separates them."""
    images = check.fill(engine, batch)
    if isinstance(engine, StagedEngine):
        seconds = run_s(engine, images)
        outputs = engine.fetch()
    else:
        started = time.perf_counter_ns()
        outputs = engine.infer(images)
        seconds = (time.perf_counter_ns() - started) * 1e-9
    check.check(engine, outputs)
    return seconds


def _back_to_back(engine: Engine, batch: int, n: int, check: OutputCheck) -> float:
    """Time n runs as one; gives the seconds of one run, on average."""
    images = check.fill(engine, batch)
    if isinstance(engine, StagedEngine):
        seconds = vendor_run_s(engine, images)
        outputs = engine.fetch()
    else:
        started = time.perf_counter_ns()
        for _ in range(n):
            outputs = engine.infer(images)
        seconds = (time.perf_counter_ns() - started) * 1e-9 / n
    check.check(engine, outputs)
    return seconds

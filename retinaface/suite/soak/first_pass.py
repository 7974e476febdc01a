"""Outputs of the first pass over a few batches, which every later pass must give again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retinaface.checks.engine_contract import check_same
from retinaface.checks.raw_outputs import largest_allowed
from retinaface.engines.base import Engine
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.suite.judged.bench import OutputCheck
from retinaface.suite.judged.contract import copy_outputs
from retinaface.suite.judged.floors import floor_of
from retinaface.typing import FloatArray
from retinaface.verdicts import Check, Verdict

# Batches of the first pass; of large ones fewer, for their inputs stay in memory.
_N_BATCHES, _N_LARGE, _LARGE = 4, 2, 64
_NAME = "outputs"


@dataclass
class FirstPass:
    """Compares outputs with those of the first pass.

    Attributes:
        batches: Inputs, no two the same.
        outputs: Of the first pass.
        allowed: How far calls may differ, by output; None without exact outputs: not at all.
        n_checked: Calls that were compared.
        n_equal: Of these, equal in every bit.
        n_wrong: Of these, too far off.
        first_problem: What was wrong in the first of them.
    """

    batches: list[FloatArray]
    outputs: list[RawOutputs]
    allowed: dict[str, float] | None
    n_checked: int = 0
    n_equal: int = 0
    n_wrong: int = 0
    first_problem: str = ""
    largest: float = 0.0

    def __post_init__(self) -> None:
        self._buffer = np.empty_like(self.batches[0])

    def fill(self) -> FloatArray:
        """Give the next batch, in the buffer of the last one: an engine may write to it."""
        np.copyto(self._buffer, self.batches[self.n_checked % len(self.batches)])
        return self._buffer

    def check(self, outputs: RawOutputs) -> None:
        """Compare the outputs of the batch that was filled last."""
        expected = self.outputs[self.n_checked % len(self.outputs)]
        self.n_checked += 1
        if all(np.array_equal(a, b) for a, b in zip(outputs, expected, strict=True)):
            self.n_equal += 1
            return
        nothing = dict.fromkeys(OUTPUT_NAMES, float(np.finfo(np.float32).tiny))
        found = check_same(_NAME, outputs, expected, self.allowed or nothing)
        self.largest = max(self.largest, found.value or 0.0)
        if found.verdict is not Verdict.PASS:
            self.n_wrong += 1
            self.first_problem = self.first_problem or f"call {self.n_checked}: {found.message}"

    def verdict(self) -> Check:
        """Judge whether every call gave what the first pass gave."""
        numbers = {"n": self.n_checked, "n_equal": self.n_equal, "n_wrong": self.n_wrong}
        if self.n_wrong:
            text = f"{self.n_wrong} of {self.n_checked} calls differ from the first pass too much"
            text = f"{text}; the first: {self.first_problem}"
            if self.allowed is None:
                text += " (--weights gives exact outputs, and so how far calls may differ)"
            return Check(_NAME, Verdict.FAIL, text, numbers)
        if not self.n_checked:
            return Check(_NAME, Verdict.INCONCLUSIVE, "no call ended; run longer", numbers)
        text = f"{self.n_equal} of {self.n_checked} calls equal the first pass in every bit"
        if self.n_equal < self.n_checked:
            text += f", the others within what is allowed: {self.largest:.3g} at most"
        return Check(_NAME, Verdict.PASS, text, numbers)


def first_pass(engine: Engine, batch: int, check: OutputCheck) -> FirstPass:
    """Run a few batches once, compared with exact outputs where there are any.

    Raises:
        EngineFault: They are wrong.
    """
    batches, outputs = [], []
    for _ in range(_N_BATCHES if batch <= _LARGE else _N_LARGE):
        images = check.fill(engine, batch)
        batches.append(images.copy())
        found = engine.infer(images)
        check.check(engine, found)
        outputs.append(copy_outputs(found))
    allowed = None
    if check.case is not None:
        allowed = largest_allowed(*floor_of(engine, check.case))
    return FirstPass(batches, outputs, allowed)

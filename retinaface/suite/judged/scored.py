"""What was scored, run again: rows alone, against exact outputs, in another order, image by image.

An engine may be wrong only as the evaluation called it: at its batch sizes, at a position, in the
last call, now and then. So what is judged here are outputs of the evaluation itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from retinaface.checks.detection_changes import differences
from retinaface.checks.detections import TOLERANCES, check_differences
from retinaface.checks.engine_contract import check_same
from retinaface.checks.output_sketches import (
    Sketch,
    distance,
    flat_images,
    nearest_same,
    sketch_limits,
    whose,
)
from retinaface.checks.raw_outputs import check_fidelity, largest_allowed, output_errors
from retinaface.detection.detections import Detections
from retinaface.detection.detector import detect
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.engines.catalogue import find_engine
from retinaface.reference.stored import ReferenceCase
from retinaface.suite.judged.evaluations import Measured
from retinaface.suite.judged.floors import floor_of
from retinaface.suite.judged.witness import KeptRow, Witness
from retinaface.telling.visible import visible
from retinaface.typing import FloatArray
from retinaface.verdicts import Check, Verdict

N_AGAIN, N_AGAIN_SLUGGISH = 128, 16
N_EXACT = 2  # rows: float64 takes a third of a second for one
_SEED = 11_004
_N_NAMED = 5
# Grey levels in the root mean square: inputs that are nearer may well have the same outputs.
_SAME_INPUTS = 1.0


@dataclass(frozen=True)
class Again:
    """Images that were run a second time: detections and sketches by image, inputs if kept."""

    detections: dict[str, Detections]
    sketches: dict[str, Sketch]
    inputs: dict[str, FloatArray]


class Scored:
    """An evaluation, its engine, still open, and what is needed to run its images again."""

    def __init__(
        self,
        measured: Measured,
        engine: Engine,
        pipeline: Pipeline,
        load: Callable[[str], bytes],
        floor: ReferenceCase,
    ) -> None:
        """Take what belongs together.

        Args:
            load: Gives the bytes of an image of the run.
            floor: Whose noise floor says how far two calls may differ; of pictures.
        """
        self._measured, self._engine, self._pipeline = measured, engine, pipeline
        self._load = load
        floor, self._precision = floor_of(engine, floor)
        self._allowed = largest_allowed(floor, self._precision)
        self._limits = sketch_limits(floor, self._precision)
        self._names = tuple(measured.evaluation.detections)
        self._sketches = dict(zip(self._names, measured.seen.sketches, strict=False))

    def unknown_rows(self) -> Check | None:
        """Fail where it cannot be told which row belongs to which image; None where it can."""
        n_rows, n_images = len(self._measured.seen.sketches), len(self._names)
        if n_rows == n_images:
            return None
        text = (
            f"the engine ran {n_rows} images for detections of {n_images}, expected as many: the "
            "detections did not all come from this engine in this run"
        )
        return Check("rows of the evaluation", Verdict.FAIL, text)

    def rows_alone(self) -> list[Check]:
        """Compare rows of the evaluation with what their inputs give in calls of their own."""
        return [
            check_same(
                f"{self._words(row)}, with itself alone",
                row.outputs,
                self._engine.infer(row.inputs[None]),
                self._allowed,
            )
            for row in self._measured.seen.rows
        ]

    def rows_exact(self, exact: Callable[[FloatArray], ReferenceCase]) -> list[Check]:
        """Compare a few rows of the evaluation with float64 torch: the last, and the first kept.

        Args:
            exact: Runs torch on (1, 3, H, W).
        """
        rows = self._measured.seen.rows
        checks = []
        for row in {row.i_image: row for row in (rows[-1], *rows[: N_EXACT - 1])}.values():
            errors = output_errors(row.outputs, exact(row.inputs[None]), self._precision)
            checks.append(check_fidelity(self._words(row), errors))
        return checks

    def _words(self, row: KeptRow) -> str:
        return (
            f"image {self._names[row.i_image]}, row {row.position + 1} of the {row.n_in_call} of "
            f"call {row.call}"
        )

    def again(self) -> list[Check]:
        """Run a sample of the images again, in another order and batch, and compare it all."""
        names = self._sample()
        batch = 7 if self._measured.batch != 7 else 5
        second = self._run(names, min(batch, self._engine.spec.max_batch))
        what = f"{len(names)} of {len(self._names)} images again, in another order and batch"
        changed = [
            name
            for name in names
            if not distance(self._sketches[name], second.sketches[name], self._limits) <= 1
        ]
        alone = self._run(changed[:_N_NAMED], 1)
        problems = [self._changed(i, second.sketches, alone.sketches) for i in alone.sketches]
        problems += changed[_N_NAMED:]
        first = {name: self._measured.evaluation.detections[name] for name in names}
        found = differences(first, second.detections)
        # A flip at a limit weighs too much among so few; whatever no limit explains counts.
        _flips, *others = check_differences("detections again", found, TOLERANCES[self._precision])
        return [_check_of(what, problems, "the same raw outputs"), *others]

    def _sample(self) -> list[str]:
        """Choose images in a seeded order; those whose rows were kept are among them."""
        is_slow = find_engine(self._engine.spec.name).is_sluggish
        n = N_AGAIN_SLUGGISH if is_slow else N_AGAIN
        kept = [row.i_image for row in self._measured.seen.rows]
        random = np.random.default_rng(_SEED)
        others = [int(i) for i in random.permutation(len(self._names)) if i not in set(kept)]
        chosen = [*kept, *others][: max(n, len(kept))]
        return [self._names[chosen[i]] for i in random.permutation(len(chosen))]

    def _changed(self, image: str, second: dict[str, Sketch], alone: dict[str, Sketch]) -> str:
        """Say which time an image got other outputs than it has alone, and whose they are."""
        far = distance(self._sketches[image], second[image], self._limits)
        text = [
            f"image {visible(image)}: raw outputs {far:.3g} times as far apart as rounding allows"
        ]
        for when, got in (("in the evaluation", self._sketches), ("the second time", second)):
            if not distance(got[image], alone[image], self._limits) <= 1:
                sources = (alone, second, self._sketches)
                known = (whose(got[image], source, self._limits) for source in sources)
                owner = next((name for name in known if name not in (None, image)), None)
                whom = f"those of image {owner}" if owner else "others than it has alone"
                text.append(f"{when} it got {whom}")
        return "; ".join(text)

    def no_two_the_same(self) -> list[Check]:
        """Compare the outputs of every image of the run with those of every other."""
        pairs = nearest_same(self._sketches, self._limits)
        hashes = self._measured.evaluation.image_sha256
        pairs = [(a, b) for a, b in pairs if hashes[a] != hashes[b]]
        alone = self._run(dict.fromkeys(i for pair in pairs for i in pair), 1, keeps_inputs=True)
        problems = [text for pair in pairs if (text := self._problem(*pair, alone))]
        flat = flat_images(self._sketches)
        unwritten = [f"image {i}: loc is one number throughout" for i in flat]
        n = len(self._sketches)
        return [
            _check_of("outputs of every image", problems, f"{n} images, no two the same"),
            _check_of("outputs that nobody wrote", unwritten, f"none of {n}"),
        ]

    def _problem(self, earlier: str, later: str, alone: Again) -> str:
        """Say what is wrong with two images of the same outputs; nothing where they are alike."""
        for got, of in ((later, earlier), (earlier, later)):
            if not distance(self._sketches[got], alone.sketches[got], self._limits) <= 1:
                return f"image {got} got the outputs of image {of}; alone it has its own"
        one, other = alone.inputs[earlier], alone.inputs[later]
        if one.shape == other.shape and _rms(one - other) <= _SAME_INPUTS:
            return ""
        return f"images {earlier} and {later} have the same outputs, alone too, and differ"

    def _run(self, names: Iterable[str], batch: int, *, keeps_inputs: bool = False) -> Again:
        witness = Witness(self._engine, keeps_inputs=keeps_inputs)
        stream = detect(witness, self._pipeline, names, self._load, batch_size=batch)
        found = {name: d for name, d in stream if isinstance(d, Detections)}
        inputs = dict(zip(found, witness.inputs or (), strict=False))
        return Again(found, dict(zip(found, witness.seen().sketches, strict=True)), inputs)


def remembered(exact: Callable[[FloatArray], ReferenceCase]) -> Callable[..., ReferenceCase]:
    """Run torch once for each input: engines of a run are judged by the same rows."""
    made: dict[bytes, ReferenceCase] = {}

    def get(images: FloatArray) -> ReferenceCase:
        key = hashlib.sha256(images.tobytes() + bytes(str(images.shape), "ascii")).digest()
        if key not in made:
            made[key] = exact(images)
        return made[key]

    return get


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


def _check_of(name: str, problems: Sequence[str], otherwise: str) -> Check:
    if not problems:
        return Check(name, Verdict.PASS, otherwise)
    left = len(problems) - _N_NAMED
    more = [f"and {left} more"] if left > 0 else []
    return Check(name, Verdict.FAIL, "\n".join([*problems[:_N_NAMED], *more]))

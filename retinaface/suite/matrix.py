"""Build the matrix of the validation suites: exports, engines, pipelines, kinds of input.

It is static: every combination is collected everywhere, and a skip names what a machine lacks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from retinaface.engines.catalogue import find_engine
from retinaface.reference.inputs import KINDS, N_IMAGES, REAL
from retinaface.suite.engine_marks import OFFERS, engine_marks
from retinaface.suite.target import Target

if TYPE_CHECKING:
    from retinaface.export.options import ExportOptions

Exporter = Literal["torchscript", "dynamo"]
# Exports that are judged: exporter, opset; those of the default run first.
CORE_EXPORTS: tuple[tuple[Exporter, int], ...] = (
    ("torchscript", 13),
    ("dynamo", 18),
    ("dynamo", 20),
)
ALL_EXPORTS: tuple[tuple[Exporter, int], ...] = (
    *CORE_EXPORTS,
    *(("torchscript", opset) for opset in range(11, 21) if opset != 13),
    *(("dynamo", opset) for opset in (16, 17, 19)),
)
GIVEN = "given"
USUAL_BATCHES = (1, 8, 32)
# The quick selection runs the export that engines load, and inputs that show faces.
QUICK_VARIANTS = ("torchscript-13-simplified", GIVEN)
QUICK_KINDS = (REAL, "scene")
KIND_PARAMS = [
    pytest.param(
        kind, id=kind, marks=pytest.mark.needs("photographs" if kind == REAL else "reference")
    )
    for kind in KINDS
]
# Kinds that give detections to compare.
DETECTION_KINDS = [
    pytest.param(
        kind,
        id=kind,
        marks=pytest.mark.needs(
            *(("photographs", "familiar-pictures") if kind == REAL else ("reference",))
        ),
    )
    for kind in KINDS
    if kind in N_IMAGES
]


@dataclass(frozen=True)
class Variant:
    """One export: which exporter, opset, and whether it is simplified."""

    exporter: Exporter
    opset: int
    simplify: bool

    def __str__(self) -> str:
        return f"{self.exporter}-{self.opset}-{'simplified' if self.simplify else 'raw'}"

    def options(self) -> ExportOptions:
        """Give the exporter's options."""
        from retinaface.export.options import ExportOptions

        return ExportOptions(exporter=self.exporter, opset=self.opset, simplify=self.simplify)

    def export(self, weights: str, path: Path) -> None:
        """Export a checkpoint."""
        from retinaface.export.exporter import export
        from retinaface.network.checkpoint import load_model

        export(load_model(weights), self.options(), path)


def variant_params(target: Target) -> list[Any]:
    """Give the exports as parameters; the file of a run that was given one."""
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


def engine_params(target: Target, marks: Iterable[pytest.Mark]) -> list[Any]:
    """Give the engines as parameters of a test that has these marks."""
    of_test = list(marks)
    return [
        pytest.param(name, id=name, marks=list(engine_marks(name, of_test)))
        for name in target.engines
    ]


def timed_batches(target: Target) -> list[int]:
    """List the batches at which engines are timed: the usual ones, and those of the run's options.

    A bad `--engine-option batch=` is left to the engine, which names it.
    """
    option = target.engine_options.get("batch", "")
    asked = int(option) if option.isascii() and option.isdigit() else 0
    return sorted({*USUAL_BATCHES, asked, target.batch or 0} - {0})


def engine_batch_params(target: Target, marks: Iterable[pytest.Mark]) -> list[Any]:
    """Give every engine with every batch as parameters of a test that has these marks."""
    of_test = list(marks)
    return [
        pytest.param(
            engine,
            batch,
            id=f"{engine}-b{batch}",
            marks=[*engine_marks(engine, of_test), pytest.mark.needs(batch=(engine, batch))],
        )
        for engine in target.engines
        for batch in timed_batches(target)
    ]


def engine_pipeline_params(target: Target, marks: Iterable[pytest.Mark] = ()) -> list[Any]:
    """Give every engine with every pipeline as parameters: these tests run over many images."""
    offers = [offer for mark in marks if mark.name == OFFERS for offer in mark.args]
    return [
        pytest.param(
            engine,
            pipeline,
            id=f"{engine}-{pipeline}",
            marks=pytest.mark.needs(
                engine=engine,
                input_size=(engine, pipeline),
                **({"fast": engine} if find_engine(engine).is_slow else {}),
                **dict.fromkeys(offers, engine),
            ),
        )
        for engine in target.engines
        for pipeline in target.pipelines
    ]

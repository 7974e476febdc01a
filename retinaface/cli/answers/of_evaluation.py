"""Make the answer of `retinaface evaluate`, and show it on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinaface.cli.output.terminal import Printer

if TYPE_CHECKING:
    from msgspec import UnsetType

    from retinaface.cli.answers.accuracy import ClusterRun, Evaluated
    from retinaface.cluster.tally import Figures
    from retinaface.storage.location import Location
    from retinaface.widerface.evaluation import Evaluation


def evaluation_answer(
    engine: str,
    settings: Mapping[str, Any],
    result: Evaluation | Figures,
    notes: list[str],
    *,
    cluster: ClusterRun | UnsetType,
    predictions: Path | None,
    record: Location | None,
) -> Evaluated:
    """Give AP and what was run.

    Args:
        settings: Of the command.
        predictions: Folder that was written, where there is one.
        record: Likewise.
        cluster: Who ran it.
    """
    from retinaface.cli.answers.accuracy import Evaluated

    return Evaluated(
        engine=engine,
        pipeline=settings["pipeline"],
        batch=settings["batch"],
        scoring=settings["scoring"],
        subset=settings["subset"],
        limit=settings["limit"],
        ap=result.ap,
        n_images=result.n_images,
        detect_s=result.detect_s,
        n_earlier=result.n_earlier,
        bad_images=result.bad_images,
        predictions=None if predictions is None else str(predictions),
        record=None if record is None else str(record),
        notes=notes,
        warnings=[result.warning] if result.warning else [],
        cluster=cluster,
    )


def show(answer: Evaluated, printer: Printer) -> None:
    """Print AP, then what it rests on."""
    printer.ap(f"{answer.engine}, {answer.pipeline}, batch {answer.batch}", answer.ap)
    printer.warnings(answer.warnings)
    printer.notes(answer.notes)
    n = answer.n_images - answer.n_earlier
    if answer.n_earlier:
        printer.say(f"{answer.n_earlier} images were finished before, by a process that was killed")
    printer.say(
        f"{n} images in {answer.detect_s:.1f} s ({n / answer.detect_s:.0f} images/s, reading to "
        "detections)"
    )
    for message in answer.bad_images.values():
        printer.say(f"bad image, all faces counted as missed: {message}")
    for kind, folder in (("predictions", answer.predictions), ("record", answer.record)):
        if folder is not None:
            printer.aside(f"{kind}: {folder}")

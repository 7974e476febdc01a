"""The report that a person reads: one HTML file and its Markdown, rendered from records alone."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from retinaface.comparison.compare import compare_runs
from retinaface.comparison.turns import settle
from retinaface.errors import RetinaFaceError
from retinaface.files import new_file
from retinaface.records.ab_session import AbSession
from retinaface.records.find import Unavailable
from retinaface.records.read import Run
from retinaface.report.content import Page, Targets, build_page
from retinaface.report.pictures import changed_pictures, pictures_against_baseline
from retinaface.report.scorecard_text import page_lines as scorecard_lines
from retinaface.widerface.dataset import WiderFace

__all__ = ["ReportError", "Targets", "check_libraries", "scorecard_lines", "write_report"]


class ReportError(RetinaFaceError, ImportError):
    """A library that the report is made with is not installed."""


def check_libraries() -> None:
    """Refuse to report where that is not possible; call it before any work starts.

    Raises:
        ReportError: Jinja2 or matplotlib is not installed.
    """
    try:
        importlib.import_module("retinaface.report.render")
    except ImportError as error:
        raise ReportError(
            f"a report needs {error.name}, which is not installed; install the extra 'report': "
            'pip install -e ".[report]"'
        ) from error


def write_report(
    runs: Sequence[Run],
    unavailable: Sequence[Unavailable],
    output: Path,
    *,
    title: str,
    dataset: WiderFace | None = None,
    n_images: int = 6,
    progress: bool = False,
    sessions: Sequence[AbSession] = (),
    targets: Targets | None = None,
) -> Page:
    """Write a report to `output`, and the same as Markdown beside it.

    Args:
        runs: One or more; the first is what the others are compared with.
        unavailable: Rows that could not run.
        output: `FILE.html`.
        dataset: Where the images are; None for a report without pictures.
        n_images: Largest number of images of each comparison, with a run or with the baseline.
        progress: Show a progress bar on stderr, where that is a terminal.
        sessions: Of `retinaface ab`.
        targets: Of a plan: the runs are theirs, and none is compared with another.

    Returns:
        The content of the page.

    Raises:
        RecordError: Arrays of a record are damaged.
        ReportError: Jinja2 or matplotlib is not installed.
        OutputError: The files cannot be written.
    """
    check_libraries()
    from retinaface.report.markdown import render_markdown
    from retinaface.report.render import render_html

    others = runs[1:] if targets is None else ()
    comparisons = [settle(compare_runs(runs[0], run), sessions) for run in others]
    pictures = changed_pictures(comparisons, dataset, n_images, progress=progress)
    if not comparisons and targets is None:
        pictures = pictures_against_baseline(runs[0], dataset, n_images)
    page = build_page(title, runs, comparisons, unavailable, pictures, sessions, targets)
    with new_file(output) as html, new_file(output.with_suffix(".md")) as markdown:
        html.write_text(render_html(page), encoding="utf-8")
        markdown.write_text(render_markdown(page), encoding="utf-8")
    return page

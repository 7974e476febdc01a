"""The page of a history: trends with their changes, one run beside the last N, and Markdown."""

from __future__ import annotations

from pathlib import Path

from retinaface.files import new_file
from retinaface.history.told import Told
from retinaface.report import ReportError

__all__ = ["write_history_page"]


def write_history_page(told: Told, output: Path, *, title: str) -> None:
    """Write a page to `output`, and the same as Markdown beside it.

    Args:
        told: What is shown.
        output: `FILE.html`.
        title: Of the page.

    Raises:
        ReportError: Jinja2 or matplotlib is not installed.
        OutputError: The files cannot be written.
    """
    try:
        from retinaface.report.history.render import render_html, render_markdown
    except ImportError as error:
        raise ReportError(
            f"a page needs {error.name}, which is not installed; install the extra 'report': "
            'pip install -e ".[report]"'
        ) from error
    with new_file(output) as html, new_file(output.with_suffix(".md")) as markdown:
        html.write_text(render_html(told, title), encoding="utf-8")
        markdown.write_text(render_markdown(told, title), encoding="utf-8")

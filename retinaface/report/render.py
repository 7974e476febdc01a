"""From the content of a report to HTML and Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from retinaface.comparison_text import METRIC_COLUMNS, markdown, metric_rows, summary
from retinaface.report.content import Page, machine_text, versions_text
from retinaface.report.plots import (
    Plot,
    ap_differences,
    layer_drift,
    precision_recall,
    speed_distributions,
)

_FOLDER = Path(__file__).parent
# Named here, so that a report shows them in the order of the run.
_TIMED = ("network", "end-to-end", "session", "first-run")


def render_html(page: Page) -> str:
    """One self-contained file: no script, no font, no picture from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["plot"] = _markup
    template = environment.get_template("report.html.j2")
    result_ids = list(dict.fromkeys(name for run in page.runs for name in run.results))
    return template.render(
        page=page,
        style=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        ap_plot=ap_differences(page.comparisons),
        curves=_plots(precision_recall(name, page.runs) for name in result_ids),
        speeds=_plots(speed_distributions(timed, page.runs) for timed in _TIMED),
        layers=_plots(layer_drift(name, page.runs) for name in result_ids),
        columns=METRIC_COLUMNS,
        metric_rows=metric_rows,
        summary=summary,
        versions=versions_text,
        machine=machine_text,
    )


def _plots(found: Any) -> list[Plot]:
    return [plot for plot in found if plot is not None]


def _markup(plot: Plot) -> Markup:
    """A plot is made by us, and its texts are escaped."""
    return Markup(plot.svg)  # noqa: S704


def render_markdown(page: Page) -> str:
    """The same in a form that fits the summary of a CI step."""
    parts = [f"# {page.verdict}: {page.title}"]
    parts += [f"- **{name}** {verdict}: {text}" for name, verdict, text in page.sentences]
    for subject, rows in page.matrix.items():
        names = [run.name for run in page.runs]
        lines = [f"## {subject}", "", _row(["metric", *names]), _row(["---"] * (len(names) + 1))]
        for row in rows:
            cells = [" ".join((c.text, c.change, c.verdict)).strip() for c in row.cells]
            lines.append(_row([f"{row.metric} ({row.unit})", *cells]))
        parts.append("\n".join(lines))
    if page.comparisons or page.unavailable:
        parts.append(markdown(page.comparisons, page.unavailable))
    if page.failures:
        parts.append("## Tests that are not green")
        parts += [
            f"- {verdict} {run}: `{test}`: {(reason.splitlines() or [''])[0]}"
            for run, test, verdict, reason in page.failures
        ]
    if page.skips:
        parts.append("## Skipped")
        parts += [f"- {skip.run}: {skip.n_tests}: {skip.reason}" for skip in page.skips]
    text = "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"
    return text.replace("<", "&lt;")  # no text of a record becomes markup


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

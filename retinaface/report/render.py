"""Render the content of a report as HTML and Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
from markupsafe import Markup, escape

from retinaface.comparison.compare import RunComparison
from retinaface.comparison.engine_table import COLUMNS, engine_rows
from retinaface.comparison.text import (
    METRIC_COLUMNS,
    markdown,
    metric_rows,
    open_commands,
    same_environment_text,
    summary,
    unknown_texts,
)
from retinaface.comparison.turns import TURN_COLUMNS, turn_rows
from retinaface.report.content import (
    Page,
    changes_text,
    commit_text,
    machine_text,
    moved_texts,
    versions_text,
)
from retinaface.report.matrix import counterparts
from retinaface.report.plots import (
    Plot,
    ap_differences,
    layer_drift,
    precision_recall,
    speed_distributions,
)
from retinaface.report.svg import STYLE, swatch

_FOLDER = Path(__file__).parent
# Named here, so that a report shows them in the order of the run.
_TIMED = (
    *("network", "run", "vendor-run", "end-to-end"),
    *("session", "first-run", "first-of-size"),
)


def render_html(page: Page) -> str:
    """Render one self-contained file: no script, no font, no picture from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["svg"] = Markup  # made by us, and its texts are escaped
    environment.filters["breaks"] = _breaks
    environment.globals |= {
        function.__name__: function
        for function in (changes_text, commit_text, machine_text, moved_texts, versions_text)
    }
    template = environment.get_template("report.html.j2")
    return template.render(
        page=page,
        style=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        columns=METRIC_COLUMNS[1:],
        metric_groups=_metric_groups,
        engine_columns=("run", *COLUMNS),
        engines=_engines(page),
        turn_columns=TURN_COLUMNS,
        turns=turn_rows(page.sessions),
        open_commands=open_commands,
        summary=summary,
        unknown_texts=unknown_texts,
        same_environment_text=same_environment_text,
        **_plots(page),
    )


def _engines(page: Page) -> list[list[str]]:
    """Make the rows of engines; none where all runs are of one."""
    rows = engine_rows(page.runs)
    is_one = len({row.engine for row in rows}) < 2
    return [] if is_one else [[row.run, *row.cells()] for row in rows]


def _metric_groups(comparison: RunComparison) -> dict[str, list[list[str]]]:
    """Group rows by the result that they belong to, in the order of the run."""
    groups: dict[str, list[list[str]]] = {}
    for subject, *row in metric_rows(comparison):
        groups.setdefault(subject, []).append(row)
    return groups


def _plots(page: Page) -> dict[str, Any]:
    together = counterparts(page.runs).items()
    with mpl.rc_context(STYLE):
        speeds = {
            timed: _draw_all(speed_distributions(timed, *one, page.runs) for one in together)
            for timed in _TIMED
        }
        return {
            "swatches": [swatch(position) for position in range(len(page.runs))],
            "ap_plots": ap_differences(page.comparisons),
            "curves": _draw_all(precision_recall(*one, page.runs) for one in together),
            "speeds": {timed: plots for timed, plots in speeds.items() if plots},
            "layers": _draw_all(layer_drift(*one, page.runs) for one in together),
        }


def _draw_all(plots: Iterable[Plot | None]) -> list[Plot]:
    return [plot for plot in plots if plot is not None]


def _breaks(text: str) -> Markup:
    """Mark places where a long name may break, before it breaks anywhere else."""
    return Markup("<wbr>").join(
        escape(part) for part in text.replace("/", "/\0").replace("[", "\0[").split("\0")
    )


def render_markdown(page: Page) -> str:
    """Render the page in a form that fits the summary of a CI step."""
    parts = [f"# {page.verdict}: {page.title}"]
    parts += [f"- **{name}** {verdict}: {text}" for name, verdict, text in page.sentences]
    parts += [f"- **{name}** warning: {text}" for name, text in page.warnings]
    for group in page.matrix:
        names = [run.name for run in page.runs]
        lines = [f"## {group.subject}", ""]
        lines += [f"{run}: {other}" for run, other in group.others.items()] + [""]
        lines += [_row(["metric", *names]), _row(["---"] * (len(names) + 1))]
        for row in group.rows:
            cells = [" ".join((c.text, c.change, c.verdict)).strip() for c in row.cells]
            lines.append(_row([f"{row.metric} ({row.unit})", *cells]))
        parts.append("\n".join(lines))
    if page.comparisons or page.unavailable or page.sessions:
        parts.append(markdown(page.comparisons, page.unavailable, page.sessions))
    if page.failures:
        parts.append("## Tests that are not green")
        parts += [
            f"- {verdict} {run}: `{test}`: {(reason.splitlines() or [''])[0]}"
            for run, test, verdict, reason in page.failures
        ]
    if page.skips:
        parts.append("## Skipped")
        parts += [f"- {skip.runs}: {skip.n_tests} tests: {skip.reason}" for skip in page.skips]
    text = "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"
    return text.replace("<", "&lt;")  # no text of a record becomes markup


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

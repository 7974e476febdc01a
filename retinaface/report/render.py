"""Render the content of a report as HTML."""

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
    metric_rows,
    open_commands,
    same_environment_text,
    summary,
    unknown_texts,
)
from retinaface.comparison.turns import TURN_COLUMNS, turn_rows
from retinaface.report.content import (
    TARGET_COLUMNS,
    Page,
    changes_text,
    commit_text,
    machine_text,
    moved_texts,
    versions_text,
)
from retinaface.report.figures import COLUMNS as FIGURE_COLUMNS
from retinaface.report.matrix import counterparts
from retinaface.report.plots import (
    Plot,
    ap_differences,
    layer_drift,
    precision_recall,
    speed_distributions,
)
from retinaface.report.scorecard_text import basis_rows, margin_title
from retinaface.report.svg import STYLE, swatch
from retinaface.telling.visible import visible

_FOLDER = Path(__file__).parent
# Named here, so that a report shows them in the order of the run.
_TIMED = (
    *("network", "run", "vendor-run", "end-to-end"),
    *("session", "first-run", "first-of-size"),
)


def render_html(page: Page) -> str:
    """Render one self-contained file: no script, no font, no picture from elsewhere."""
    environment = template_environment(_FOLDER)
    environment.filters["svg"] = Markup  # made by us, and its texts are escaped
    environment.filters["breaks"] = _breaks
    functions = (
        *(changes_text, commit_text, machine_text, moved_texts, versions_text),
        *(open_commands, summary, unknown_texts, same_environment_text),
        *(basis_rows, margin_title),
    )
    environment.globals |= {function.__name__: function for function in functions}
    content = {
        "columns": METRIC_COLUMNS[1:],
        "figure_columns": FIGURE_COLUMNS,
        "metric_groups": _metric_groups,
        "engine_columns": ("run", *COLUMNS),
        "target_columns": TARGET_COLUMNS,
        "engines": _engines(page),
        "turn_columns": TURN_COLUMNS,
        "turns": turn_rows(page.sessions),
        **_plots(page),
    }
    style = Markup((_FOLDER / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    sections = _sections(page, content)
    environment.globals |= content | {"page": page, "style": style, "sections": sections}
    return visible(environment.get_template("report.html.j2").render(), keep="\n\t")


def template_environment(folder: Path) -> jinja2.Environment:
    """Read the templates of a folder; a text of a record never becomes markup."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _sections(page: Page, content: dict[str, Any]) -> list[tuple[str, str]]:
    """List the sections that have something to show: anchor and heading, raw figures last."""
    moved = any(c.outcomes or c.one_sided for c in page.comparisons)
    card = page.card
    unasked = [failure for failure in page.failures if card is None or not card.findings]
    sections = {
        "targets": ("Targets", page.targets),
        "matrix": ("Matrix: metric by run", page.matrix or page.unavailable),
        "turns": ("Turn by turn", content["turns"]),
        "wrong": ("What to do next", card is not None and card.has_steps),
        "images": ("Images that changed most", page.pictures),
        "figures": ("Pipelines and engines", card is not None and card.figures),
        "engines": ("Engines", content["engines"]),
        "scorecards": ("Scorecard of each run", card is None),
        "tests": ("Tests", unasked or moved),
        "ap": ("AP and detections compared with the old run", page.comparisons),
        "skips": ("Skips", page.skips),
        "environment": ("Environment", True),
        "made": ("How it was made", True),
        "curves": ("Precision and recall", content["curves"]),
        "layers": ("Drift by layer", content["layers"]),
        "speed": ("Speed", content["speeds"]),
    }
    if card is not None:  # its figures stand in the tables of pipelines
        sections["engines"] = sections.pop("engines")
        sections["matrix"] = ("All figures", sections.pop("matrix")[1])
    return [(anchor, title) for anchor, (title, found) in sections.items() if found]


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

"""Write SVG that follows the page's colour of text, light and dark; give each run one look."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# Stands for the page's colour of text, which only the browser knows.
INK = "#010203"
# Hues of middle lightness: at least 3:1 against the light and the dark background.
_COLOURS = (
    "#2f7fc1",
    "#cc5c38",
    "#38925a",
    "#9468cc",
    "#a87a10",
    "#c2508f",
    "#1c8f96",
    "#85765a",
    "#6a7bd4",
    "#76828c",
)
# Runs differ by more than colour: 20 pairs of dashes and marker before one repeats.
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v")
STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
# Names that nothing refers to, comments, and a style that would hold for the whole page.
_NOISE = re.compile(
    r' id="(?:[a-z]+[23]?d?|matplotlib\.axis|PathCollection|FillBetweenPolyCollection)_\d+"'
    r"|<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>",
    re.DOTALL,
)


def colour(position: int) -> str:
    """Give the colour of the run at a position, the same in every plot."""
    return _COLOURS[position % len(_COLOURS)]


def marker(position: int) -> Any:
    """Give shape, size and colour of a run's points."""
    shape = _MARKERS[position % len(_MARKERS)]
    return {"marker": shape, "markersize": 4, "color": colour(position), "linestyle": "none"}


def line(position: int) -> Any:
    """Give colour and dashes of a run's lines."""
    dashes = _DASHES[position % len(_DASHES)]
    return {"color": colour(position), "linestyle": dashes, "linewidth": 1.2}


def swatch(position: int) -> str:
    """Draw a bit of a run's line with its marker, for the legend."""
    figure = Figure(figsize=(0.5, 0.14))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.plot([0, 1], [0, 0], **line(position))
    axes.plot([0.5], [0], **marker(position))
    axes.set_axis_off()
    return finish_svg(figure, None)


def finish_svg(figure: Figure, label: str | None) -> str:
    """Write the picture as markup.

    Args:
        figure: Drawn in `STYLE`, which must hold here too.
        label: For those who do not see it; None for decoration.
    """
    sink = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": label or "swatch"}):
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    text = _NOISE.sub("", text[text.index("<svg") :]).replace(INK, "currentColor")
    text = re.sub(r"(\d+\.\d{2})\d+", r"\1", text)  # hundredths of a point cannot be seen
    text = re.sub(r"\s*\n\s*", "\n", text)
    width, height = (round(x * 72, 1) for x in figure.get_size_inches())
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    head = (
        f'<svg {role} viewBox="0 0 {width:g} {height:g}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return head + text[text.index(">") + 1 :]

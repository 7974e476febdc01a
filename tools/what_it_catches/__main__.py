"""Measure how small a fault may be and still be caught: `python -m tools.what_it_catches`."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import click

from tools.what_it_catches.kinds import KINDS
from tools.what_it_catches.render import render

_DOCS = Path(__file__).resolve().parents[2] / "docs"
FILE, PAGE = _DOCS / "what-it-catches.json", _DOCS / "what-it-catches.md"


@click.command()
@click.option("--render", "only_render", is_flag=True, help="Write the page; measure nothing.")
@click.option(
    "--kind",
    "names",
    multiple=True,
    type=click.Choice([kind.name for kind in KINDS]),
    help="Measure this kind alone; the others keep their figures. Repeatable.",
)
def main(only_render: bool, names: tuple[str, ...]) -> None:
    """Measure all kinds of faults and write docs/what-it-catches.json and the page beside it."""
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    if not only_render:
        from tools.what_it_catches.measure import describe_run, ladders, measure, merged

        kinds = [kind for kind in KINDS if not names or kind.name in names]
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = measure(ladders(kinds), Path(folder))
        content = merged(content, found, describe_run(time.monotonic() - started))
        FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if lacking := [kind.name for kind in KINDS if kind.name not in content.get("kinds", {})]:
        again = " ".join(f"--kind {name}" for name in lacking)
        raise click.UsageError(
            f"cannot write the page: no figures of {', '.join(lacking)}; measure them: "
            f"python -m tools.what_it_catches {again}"
        )
    PAGE.write_text(render(content), encoding="utf-8")
    click.echo(f"wrote {PAGE}")


if __name__ == "__main__":
    main()

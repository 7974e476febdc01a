"""Build the docs as a site: `python -m tools.site` writes build/site and checks every link.

Pages of docs/ link to files elsewhere in the repository, which a site generator does not know. This
program gives it a copy of docs/ in which those files are pages too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import click

ROOT = Path(__file__).resolve().parents[1]
_SOURCE = ROOT / "build" / "docs"
_DOCS = PurePosixPath("docs")
# Where files from outside docs/ stand in the site.
_OUTSIDE = PurePosixPath("repository")
_PICTURES = (".svg", ".png")
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


@click.command()
def main() -> None:
    """Build the docs as a site in build/site; a link that leads nowhere is an error."""
    collect(_SOURCE)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)  # noqa: S603


def collect(folder: Path) -> None:
    """Write the pages of the site: those of docs/, and each file that one of them links to.

    Args:
        folder: Replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / _DOCS, folder)
    waiting = [PurePosixPath(p.relative_to(ROOT)) for p in (ROOT / _DOCS).rglob("*.md")]
    seen = set(waiting)
    while waiting:
        file = waiting.pop()
        path = folder / place(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in _PICTURES:
            shutil.copyfile(ROOT / file, path)
            continue
        text = _text(file)
        path.write_text(lead(text, file), encoding="utf-8")
        new = {_resolve(file, link) for link in _LINK.findall(text)} - seen
        seen |= new
        waiting += sorted(one for one in new if (ROOT / one).is_file() and not _is_in_docs(one))


def lead(text: str, page: PurePosixPath) -> str:
    """Make the links of a page lead to the places of files in the site."""
    here = place(page).parent

    def link(match: re.Match[str]) -> str:
        target = _resolve(page, match[1])
        return os.path.relpath(place(target), here) if (ROOT / target).exists() else match[1]

    return _LINK.sub(link, text)


def place(file: PurePosixPath) -> PurePosixPath:
    """Give the place of a file in the site, where one that is no picture is a page."""
    if _is_in_docs(file):
        return file.relative_to(_DOCS)
    is_kept = file.suffix == ".md" or file.suffix in _PICTURES
    return _OUTSIDE / (file if is_kept else file.with_name(f"{file.name}.md"))


def _is_in_docs(file: PurePosixPath) -> bool:
    return file.is_relative_to(_DOCS)


def _resolve(page: PurePosixPath, link: str) -> PurePosixPath:
    return PurePosixPath(os.path.normpath(page.parent / link))


def _text(file: PurePosixPath) -> str:
    """Read a page, or show a file that is none as a block of code."""
    text = (ROOT / file).read_text(encoding="utf-8")
    if file.suffix == ".md":
        return text
    return f"# {file}\n\n````{file.suffix.removeprefix('.')}\n{text}````\n"


if __name__ == "__main__":
    main()

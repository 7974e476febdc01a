"""The site has every page that its pages link to, and builds without a broken link."""

import re
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
import yaml

from tools.site import ROOT, collect, lead, place

LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "docs"
    collect(folder)
    return folder


def test_every_link_leads_to_a_page_or_a_picture(pages):
    broken = [
        f"{page.relative_to(pages)}: {link}"
        for page in pages.rglob("*.md")
        for link in LINK.findall(page.read_text())
        if not (page.parent / link).is_file()
    ]
    # A folder of the repository has no page.
    assert [one for one in broken if not one.endswith("/")] == []


def test_files_from_outside_docs_are_pages_too(pages):
    assert "# RetinaFace validation suite" in (pages / "repository" / "README.md").read_text()
    versions = (pages / "repository" / "matrix" / "versions.ini.md").read_text()
    assert versions.startswith("# matrix/versions.ini\n")


@pytest.mark.parametrize(
    ("page", "link", "led"),
    [
        ("docs/validate.md", "../baselines/README.md", "repository/baselines/README.md"),
        ("docs/reference/commands.md", "../validate.md", "../validate.md"),
        ("README.md", "docs/gpu.md", "../gpu.md"),
        ("docs/gpu.md", "nowhere.md", "nowhere.md"),
    ],
)
def test_a_link_leads_to_the_place_of_its_file(page, link, led):
    text = lead(f"[a]({link}#there) [b](https://x.org/{link})", PurePosixPath(page))
    assert text == f"[a]({led}#there) [b](https://x.org/{link})"


def test_a_file_that_is_no_page_becomes_one():
    assert place(PurePosixPath("tox.ini")) == PurePosixPath("repository/tox.ini.md")
    assert place(PurePosixPath("benchmarks/a.svg")) == PurePosixPath("repository/benchmarks/a.svg")


def test_the_navigation_names_every_page():
    text = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = set(re.findall(r"[\w/-]+\.md", str(text)))
    docs = ROOT / "docs"
    assert named == {str(path.relative_to(docs)) for path in docs.rglob("*.md")}


def test_the_site_builds():
    result = subprocess.run(
        [sys.executable, "-m", "tools.site"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (ROOT / "build" / "site" / "tutorial.html").is_file()

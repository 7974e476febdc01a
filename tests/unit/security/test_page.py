"""Each promise of a page of promises names a test that is there."""

import ast
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_PAGES = ("security.md", "reliability.md")
_NAMED = re.compile(r"`(tests/[^`]+?)`")


def _rows() -> list[tuple[str, str]]:
    """Give the promises of the pages with what shows each."""
    return [row for page in _PAGES for row in _rows_of(_ROOT / "docs" / page)]


def _rows_of(page: Path) -> list[tuple[str, str]]:
    rows = []
    text = page.read_text(encoding="utf-8")
    section = text.split("<!-- promises -->")[1].split("<!-- end of promises -->")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and not set(cells[0]) <= set("-| "):
            assert len(cells) == 2, line
            rows.append((cells[0], cells[1]))
    return [row for row in rows if row[1] != "test"]


def _functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_page_has_promises():
    assert len(_rows()) > 20


@pytest.mark.parametrize(("promise", "shown"), _rows(), ids=range(len(_rows())))
def test_a_promise_names_tests_that_are_there(promise, shown):
    names = _NAMED.findall(shown)
    assert names, f"no test for: {promise}"
    for name in names:
        file, _, function = name.partition("::")
        assert (_ROOT / file).exists(), name
        if function:
            assert function in _functions(_ROOT / file), name

"""The validation suites need no other tests: a wheel holds only them."""

import ast
import re
from pathlib import Path

import pytest

from retinaface.verdicts import Question

SUITES = Path(__file__).resolve().parents[1] / "validation"


def imported(path):
    """List the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.py")), ids=lambda path: path.stem)
def test_a_suite_imports_no_other_tests(path):
    bad = [name for name in imported(path) if name.startswith((".", "tests", "conftest"))]
    assert bad == []


def test_the_conftest_of_the_suites_holds_hooks_and_fixtures_alone():
    docstring, *others = ast.parse((SUITES / "conftest.py").read_text()).body
    assert isinstance(docstring, ast.Expr)
    for node in others:
        if isinstance(node, ast.FunctionDef):
            is_fixture = any("fixture" in ast.unparse(mark) for mark in node.decorator_list)
            assert is_fixture or node.name.startswith("pytest_"), node.name
        else:
            assert isinstance(node, (ast.Import, ast.ImportFrom)), ast.unparse(node)


@pytest.mark.parametrize("path", sorted(SUITES.glob("test_*.py")), ids=lambda path: path.stem)
def test_a_suite_names_the_question_that_it_answers(path):
    text = ast.unparse(ast.parse(path.read_text()))
    named = set(re.findall(r"mark\.answers\('(\w+)'\)", text))
    assert named
    assert named <= {question.value for question in Question}
    assert re.search(r"^pytestmark = .*mark\.answers", text, re.MULTILINE)


def test_every_question_is_answered_by_a_suite():
    texts = "".join(path.read_text() for path in SUITES.glob("test_*.py"))
    assert set(re.findall(r'mark\.answers\("(\w+)"\)', texts)) == {q.value for q in Question}

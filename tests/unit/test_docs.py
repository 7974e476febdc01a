"""Links, commands, options, environments and blocks in the README and docs/ exist."""

from __future__ import annotations

import configparser
import importlib
import itertools
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest

from retinaface.cli import cli
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import N_PRIORS, tiny_model, write_model
from retinaface.network.config import OUTPUT_WIDTHS
from tests.support.pages import blocks, named_block

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
EXAMPLE = ROOT / "docs" / "add-an-engine.md"
# Options of other programs that the pages show: of pip, venv, Dask, the vendor's scripts, and
# `python -m tests.fuzz`.
OTHERS = {
    *("--index-url", "--no-deps", "--no-loadscope-reorder", "--format", "--system-site-packages"),
    *("--without-pip", "--host", "--nthreads", "--resources"),
    *("--seconds", "--count", "--seed", "--number", "--target"),
    *("--bs", "--datasets", "--input", "--perf", "--weight"),
}
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def slugs(path: Path) -> set[str]:
    """List the anchors of a page's headings, as GitHub makes them."""
    _, prose = blocks(path.read_text())
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def code(path: Path) -> list[str]:
    """List all lines of code on a page, inline code too; join lines that end with a backslash."""
    found, prose = blocks(path.read_text())
    lines = "\n".join(content for _, content in found).replace("\\\n", " ").splitlines()
    return [*lines, *re.findall(r"`([^`\n]+)`", prose)]


def commands(path: Path) -> Iterator[list[str]]:
    """Give the words of each call of `retinaface`, without variables before it."""
    for line in code(path):
        match = re.match(r"(?:[A-Z_]+=\S+ )*retinaface (.+)", line.strip())
        if match:
            yield shlex.split(match[1], comments=True)


def options_of(command: click.Command) -> set[str]:
    return {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def all_options(command: click.Command) -> set[str]:
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return options_of(command).union(*(all_options(other) for other in below))


def pytest_options(config: pytest.Config) -> set[str]:
    """List the long options of this run of pytest, the suite's own included."""
    return {f"--{name.replace('_', '-')}" for name in vars(config.option)}


def tox_environments() -> set[str]:
    """List the environments of tox.ini, with braces expanded."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string((ROOT / "tox.ini").read_text())
    names: set[str] = set()
    for section in tox.sections():
        if section.startswith("testenv:"):
            parts = re.split(r"\{([^}]*)\}", section.removeprefix("testenv:"))
            names |= {"".join(p) for p in itertools.product(*(part.split(",") for part in parts))}
    return names


@page
def test_every_relative_link_leads_somewhere(page):
    _, prose = blocks(page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in slugs(path), f"{page.name} links to {target}"


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text()
    names = [str(path.relative_to(ROOT / "docs")) for path in DOCS]
    assert [name for name in names if f"({name})" not in index] == ["README.md"]


def test_ci_runs_the_block_of_tests_of_the_readme():
    """CI's own program runs on the README, and on a copy with another block before it."""
    script = (ROOT / ".ci" / "run").read_text()
    program = re.search(r"^awk '(.+?)' README\.md", script, flags=re.DOTALL | re.MULTILINE)[1]
    readme = (ROOT / "README.md").read_text()
    for text in (readme, f"```sh\nfalse\n```\n{readme}"):
        result = subprocess.run(
            [shutil.which("awk"), program], input=text, capture_output=True, text=True, check=True
        )
        assert result.stdout.rstrip("\n") == named_block(readme, "tests")
        assert "python -m pytest -n 3" in result.stdout
        assert result.stdout.endswith("retinaface validate\n")


@page
def test_every_command_exists_with_its_options(page, pytestconfig):
    for words in commands(page):
        command: click.Command = cli
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not cli, f"{page.name}: no command: retinaface {' '.join(words)}"
        known = options_of(command)
        if command.name == "validate":
            known |= pytest_options(pytestconfig)
        shown = {word.partition("=")[0] for word in words if _OPTION.match(word)}
        assert shown <= known, f"{page.name}: retinaface {command.name}"


@page
def test_every_option_in_code_exists(page, pytestconfig):
    known = all_options(cli) | pytest_options(pytestconfig) | OTHERS
    shown = {option for line in code(page) for option in _OPTION.findall(line)}
    assert shown - known == set()


@page
def test_every_tox_environment_exists(page):
    text = "\n".join(code(page))
    named = set(re.findall(r"(?<![-:])\b(?:validate|export)-[a-z]+\d*\b(?!-)", text))
    for names in re.findall(r"\btox (?:run )?-e (\S+)", text):
        named |= set(names.split(","))
    # An invented row, which shows a failed installation.
    assert named - {"validate-ort199"} <= tox_environments()


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Import the page's module as a reader would."""
    found, _ = blocks(EXAMPLE.read_text())
    (source,) = [content for language, content in found if language == "python"]
    (tmp_path / "acme_engine.py").write_text(source + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield "acme_engine:acme_cpu_fp32"
    sys.modules.pop("acme_engine", None)


@pytest.mark.needs("onnx", "onnxruntime")
@pytest.mark.parametrize("n", [1, 3])
def test_the_example_is_an_engine(example, n):
    with open_engine(example, model=tiny_model(), max_batch=4) as engine:
        outputs = engine.infer(np.zeros((n, 3, 320, 320), np.float32))
        assert [array.shape for array in outputs] == [
            (n, N_PRIORS, width) for width in OUTPUT_WIDTHS.values()
        ]
        described = engine.describe()
        assert described["name"] == example
        assert (described["device"], described["precision"]) == ("cpu", "fp32")
        assert described["placement"] == {"provider": "CPUExecutionProvider", "fallback": []}
    with pytest.raises(ValueError, match="infer after close"):
        engine.infer(np.zeros((1, 3, 320, 320), np.float32))


@pytest.mark.needs("onnx", "onnxruntime")
def test_the_example_refuses_files_that_it_cannot_run(example, tmp_path):
    half, free, fixed = (tmp_path / f"{name}.onnx" for name in ("half", "free", "fixed"))
    write_model(half, precision="fp16")
    write_model(free, size=("height", "width"))
    write_model(fixed, batch=2)
    with pytest.raises(EngineUnavailable, match="holds fp16 weights"):
        open_engine(example, model=half)
    with pytest.raises(EngineUnavailable, match=r"takes inputs of .* needed \(None, None\)"):
        open_engine(example, model=tiny_model(), input_size_px=None)
    with pytest.raises(EngineUnavailable, match="takes batches of 2, needed 32"):
        open_engine(example, model=fixed)
    with open_engine(example, model=fixed, max_batch=2) as engine:
        assert engine.fixed_batch == 2
        assert len(engine.infer(np.zeros((1, 3, 320, 320), np.float32)).loc) == 1
    open_engine(example, model=free).close()

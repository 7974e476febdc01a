"""The workflow files of docs/ci: their commands exist, and their steps do what they say."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from retinaface.cli import cli
from tests.support.made.records import make_run

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "ci"
BASH = shutil.which("bash") or "bash"


def github_steps():
    """Give the script of each step of GitHub's file, by its name."""
    (job,) = yaml.safe_load((FOLDER / "github.yml").read_text())["jobs"].values()
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


def gitlab_steps():
    """Give the scripts of GitLab's file, in their order."""
    job = yaml.safe_load((FOLDER / "gitlab.yml").read_text())["retinaface"]
    return [*job["before_script"], *job["script"]]


SCRIPTS = {
    **{f"github: {name}": script for name, script in github_steps().items()},
    **{f"gitlab: {i}": script for i, script in enumerate(gitlab_steps())},
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_every_command_parses(script):
    subprocess.run([BASH, "-n"], input=script, text=True, check=True)
    for line in script.splitlines():
        if found := re.match(r"retinaface (.+?)(?: \|\| .*)?$", line.strip()):
            name, *words = shlex.split(found[1])
            context = cli.commands[name].make_context(name, words)
            unknown = [word for word in context.params.get("pytest_args", ()) if word[0] == "-"]
            assert unknown == []


def test_both_files_use_the_same_commands():
    commands = [
        {word for script in scripts for word in re.findall(r"retinaface (\w+) ", script)}
        for scripts in (github_steps().values(), gitlab_steps())
    ]
    assert commands[0] == commands[1] == {"validate", "report", "runs", "compare"}


@pytest.fixture
def step(tmp_path, monkeypatch):
    """Run a script as CI does, in an empty folder; give exit code and output."""
    shim = tmp_path / "bin" / "retinaface"
    shim.parent.mkdir()
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def call(script, command=f"exec {shlex.quote(sys.executable)} -m retinaface", **variables):
        shim.write_text(f'#!/bin/sh\n{command} "$@"\n')
        shim.chmod(0o755)
        environment = {**os.environ, **{name: str(v) for name, v in variables.items()}}
        result = subprocess.run(
            [BASH, "-e", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout + result.stderr

    return call


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (1, 0), (10, 0), (2, 2), (70, 70)])
def test_a_verdict_does_not_end_the_step_that_finds_it(step, tmp_path, ended, code):
    """Report and comparison come after it; bad usage and errors end the job at once."""
    github, gitlab = github_steps()["Validate"], gitlab_steps()[2]
    assert step(github, command=f"exit {ended} #")[0] == code
    assert step(gitlab, command=f"exit {ended} #")[0] == code
    if code == 0:
        assert f"code={ended}" in (tmp_path / "GITHUB_OUTPUT").read_text()
        assert (tmp_path / "code").read_text() == f"{ended}\n"


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 1), (10, 0)])
def test_the_last_step_says_the_verdict(step, code, ends):
    found, output = step(github_steps()["Verdict"], CODE=code)
    assert found == ends
    assert ("::warning::" in output) == (code == 10)


def test_report_and_comparison_are_made_of_records(step, tmp_path):
    (tmp_path / "runs").mkdir()
    make_run(tmp_path / "runs" / "new", shift=20.0)
    report, compare = github_steps()["Report"], github_steps()["Compare"]
    assert step(report)[0] == 0
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "figures.csv").read_text().startswith("run,result,")
    assert step(compare)[0] == 0  # nothing to compare with yet
    assert not (tmp_path / "GITHUB_STEP_SUMMARY").exists()
    make_run(tmp_path / "runs" / "main")
    assert step(compare)[0] == 1
    assert "## FAIL: new against main" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert (tmp_path / "compare.json").is_file()
    assert step(gitlab_steps()[4])[0] == 1
    assert "## FAIL: new against main" in (tmp_path / "compare.md").read_text()

"""The command passes options on, refuses bad ones, and chooses the output to show."""

import functools
import importlib
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from retinaface.cli import main
from retinaface.cli.supervision import supervise as supervisor
from retinaface.suite.place import Place, find_place

# The package calls its command by the name of the module.
validate = importlib.import_module("retinaface.cli.validate")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a checkout of its own; give exit code, output, and calls."""
    (tmp_path / "tests/validation").mkdir(parents=True)
    (tmp_path / "conftest.py").write_text("from retinaface.suite import plugin\n")
    monkeypatch.chdir(tmp_path)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)}
    calls = []

    for name in ("ASSETS", "ENGINE", "WIDERFACE"):
        monkeypatch.delenv(f"RETINAFACE_{name}", raising=False)

    def supervise(command, root, folder, timeout, *, kept, **_):
        calls.append((command, root, folder, timeout, kept))
        assert folder.parent.is_dir()
        return supervisor.Ended(10)

    def pass_on(*arguments, **others):
        shown.append("pytest")
        return supervise(*arguments, **others)

    shown = []
    monkeypatch.setattr(supervisor, "supervise_on_screen", supervise)
    monkeypatch.setattr(supervisor, "supervise", pass_on)

    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["validate", *words])
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return end.value.code, capsys.readouterr(), calls

    call.shown = shown
    return call


def test_the_command_runs_the_suites_of_the_checkout(run, tmp_path):
    code, _, calls = run(
        *("--engine", "a", "--engine=b", "-m", "not speed", "--timeout", "9", "--record", "r"),
        *("-x", "--maxfail=2", "--deselect", "a"),
    )
    assert code == 10
    ((command, root, folder, timeout, kept),) = calls
    assert command[:4] == [sys.executable, "-m", "pytest", "tests/validation"]
    assert command[4:] == [
        "--engine=a",
        "--engine=b",
        f"--record={tmp_path / 'r'}",
        "-m",
        "not speed",
        "--config=none",
        "--unfinished-stays",
        "-x",
        "--maxfail=2",
        "--deselect",
        "a",
    ]
    assert (root, folder, timeout, kept) == (tmp_path, tmp_path / "r", 9, Path("r"))


def test_each_option_is_passed_on_in_one_word(run):
    """A value that begins with a dash stays a value."""
    _, _, ((command, *_),) = run(
        *("--engine", "a.b:c", "--engine=-x", "--batch", "3", "--accept-baseline"),
        *("--reason", "- two words", "--require", "cuda", "--engine-option", "target=llvm -x=y"),
        *("-m", "not speed", "-k", "b1 or b8"),
    )
    assert {word for word in command[4:] if not word.startswith(("--record", "--config"))} == {
        *("--engine=a.b:c", "--engine=-x", "--batch=3", "--accept-baseline"),
        *("--reason=- two words", "--require=cuda", "--engine-option=target=llvm -x=y"),
        *("-m", "not speed", "-k", "b1 or b8"),
    }
    last = ["-m", "not speed", "-k", "b1 or b8", "--config=none", "--record-is-temporary"]
    assert command[-6:] == last


def test_an_option_without_its_value_is_bad_usage(run):
    code, (_, err), calls = run("--reason")
    assert (code, calls) == (2, [])
    assert "Option '--reason' requires an argument" in err


def test_paths_are_those_of_the_caller(run, tmp_path):
    """The child runs in the checkout, wherever the command was called."""
    _, _, ((command, *_),) = run(
        *("--model", "a.onnx", "--model", "/b.onnx", "--engine-file", "a.so"),
        *("--widerface", "wf", "--weights", "c.pth", "--baseline", "../b.json"),
        *("--junitxml", "j.xml"),
    )
    assert {word for word in command[4:] if not word.startswith(("--record", "--config"))} == {
        f"--model={tmp_path / 'a.onnx'}",
        "--model=/b.onnx",
        f"--engine-file={tmp_path / 'a.so'}",
        f"--widerface={tmp_path / 'wf'}",
        f"--weights={tmp_path / 'c.pth'}",
        f"--baseline={tmp_path.parent / 'b.json'}",
        f"--junitxml={tmp_path / 'j.xml'}",
    }


def test_words_that_replace_a_path_stay_words(run):
    _, _, ((command, *_),) = run("--weights", "embedded", "--baseline", "auto")
    assert {"--weights=embedded", "--baseline=auto"} < set(command)


@pytest.mark.parametrize(
    "words",
    [("--engine", "ort-cpu-fp32", "ort-cpu-fp16"), ("--pipeline", "igie", "ixrt")],
)
def test_a_second_name_after_an_option_is_refused(run, words):
    code, printed, calls = run(*words)
    assert (code, calls) == (2, [])
    error = " ".join(printed.err.split())
    assert f"cannot place {words[2]}: pytest would take it for a file" in error
    assert f"{words[0]} {words[2]}" in error


def test_a_name_as_value_of_a_pytest_option_is_accepted(run):
    code, _, ((command, *_),) = run("--deselect", "igie")
    assert code == 10
    assert command[-2:] == ["--deselect", "igie"]


def test_without_a_record_a_temporary_one_is_watched_and_removed(run, tmp_path):
    _, _, ((command, _, folder, timeout, kept),) = run()
    config = "--config=none"
    assert command[4:] == [f"--record={folder}", config, "--record-is-temporary", "--quick"]
    assert not folder.parent.exists()
    assert not folder.is_relative_to(tmp_path / "tests")
    assert (timeout, kept) == (3600, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--record", "tests"), "output folder tests is not empty; name a new one"),
        (("--pipeline", "none"), "'none' is not one of 'igie'"),
        (("--batch", "0"), "0 is not in the range 1<=x<=1024"),
        (("--timeout", "0.5"), "0.5 is not in the range x>=1"),
        (("--subset", "every-9"), "'every-9' is not"),
        (("--soak", "0.5"), "0.5 is not in the range x>=1"),
        (
            ("--soak", "3500"),
            "than --timeout 3600 allows one test; add --timeout 3620",
        ),
    ],
    ids=["record", "pipeline", "batch", "timeout", "subset", "soak", "soak-timeout"],
)
def test_bad_usage_starts_nothing(run, words, message):
    code, (out, err), calls = run(*words)
    assert (code, out, calls) == (2, "", [])
    assert err.startswith("retinaface: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_nothing_starts_without_the_extra(run, monkeypatch):
    """After `pip install` without extras there is no verdict, so the exit code is no verdict's."""
    monkeypatch.setattr(validate, "find_spec", lambda name: None if "pytest" in name else name)
    code, (out, err), calls = run("--quick")
    assert (code, out, calls) == (2, "", [])
    assert "validate runs pytest, but pytest, pytest_benchmark is not installed here" in err
    assert 'pip install "retinaface[validate]"' in err


@pytest.fixture
def wheel(run, tmp_path, monkeypatch):
    """Make a package with suites and no checkout; give the folder of the suites."""
    (tmp_path / "conftest.py").unlink()
    shipped = tmp_path / "site-packages/retinaface/shipped"
    (shipped / "tests/validation").mkdir(parents=True)
    (shipped / "tests/validation/test_a.py").touch()
    found = functools.partial(find_place, package=shipped.parent)
    monkeypatch.setattr(validate, "find_place", found)
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", "")
    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY")
    return shipped


def test_an_installed_package_runs_its_own_suites_in_the_callers_folder(run, tmp_path, wheel):
    code, _, ((command, cwd, *_),) = run("--engine", "a")
    assert (code, cwd) == (10, tmp_path)
    assert command[3:12] == Place(wheel, is_shipped=True).pytest_words(tmp_path / "cache")
    assert command[12] == f"{wheel}/tests/validation"
    assert os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] == f"{tmp_path}/cache/hypothesis"


def test_a_path_to_a_shipped_suite_is_written_as_in_a_checkout(run, wheel):
    name = "tests/validation/test_a.py"
    _, _, ((command, *_),) = run(f"{name}::test_a[b1]", "--deselect", name, "-x")
    assert command[-4:] == [f"{wheel}/{name}::test_a[b1]", "--deselect", name, "-x"]
    assert f"{wheel}/tests/validation" not in command


def test_missing_suites_are_reported_with_the_next_step(run, wheel, tmp_path):
    shutil.rmtree(wheel)
    code, (_, err), calls = run()
    assert (code, calls) == (2, [])
    assert f"cannot find the suites: looked for tests/validation in {tmp_path}, " in err
    assert "install the wheel again, or run in a checkout" in err


def test_an_installed_package_finds_its_checkout_from_anywhere(run, tmp_path, monkeypatch):
    (tmp_path / "conftest.py").unlink()
    code, _, ((_, root, *_),) = run()
    assert code == 10
    assert root == Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("words", "is_quick"),
    [
        ((), True),
        (("--pipeline", "igie", "-x"), True),
        (("--full",), False),
        (("--engine", "a"), False),
        (("--engine", "a", "--quick"), True),
        (("-k", "igie"), False),
        (("--accept-baseline", "--reason", "it is right"), False),
    ],
    ids=["bare", "pipeline", "full", "engine", "engine-quick", "keyword", "accept"],
)
def test_the_quick_selection_runs_if_nothing_is_named(run, words, is_quick):
    _, _, ((command, *_),) = run(*words)
    assert ("--quick" in command) == is_quick


def test_a_path_is_run_in_place_of_all_suites(run):
    _, _, ((command, *_),) = run("tests/validation::test_a", "-x")
    assert command.count("tests/validation") == 0
    assert command[-2:] == ["tests/validation::test_a", "-x"]


@pytest.mark.parametrize("word", ["-v", "-vv", "--collect-only", "--durations=3"])
def test_options_for_the_output_of_pytest_show_it(run, word):
    run(word)
    assert run.shown == ["pytest"]

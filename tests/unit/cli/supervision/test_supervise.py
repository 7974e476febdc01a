"""The supervisor, with small children in place of a validation run."""

import sys

import pytest

from retinaface.cli.supervision import supervise as supervisor
from tests.support.children import BEGIN, TEST


@pytest.mark.parametrize(
    ("code", "expected"), [(0, 0), (1, 1), (2, 1), (3, 70), (4, 2), (5, 10), (10, 10)]
)
def test_exit_codes_of_pytest_are_mapped(supervise, code, expected):
    result, out, record = supervise(f"record(None, 'finished'); sys.exit({code})")
    assert (result, out) == (expected, "")
    assert record["state"] == "finished"  # not changed


@pytest.mark.parametrize("sent", ["SIGKILL", "SIGTERM", "SIGUSR1"])
def test_a_child_that_is_ended_by_a_signal_fails_the_test_that_ran(supervise, sent, tmp_path):
    result, out, record = supervise(
        f"record({TEST!r}); os.kill(os.getpid(), signal.{sent})", kept=tmp_path / "kept"
    )
    problem = f"the process ended by {sent}"
    assert result == 1
    assert out.splitlines() == [
        "",
        f"FAIL {TEST}: {problem}",
        f"Record: {tmp_path / 'kept'}",
        "VERDICT: FAIL",
    ]
    assert (record["state"], record["verdict"], record["running"]) == ("crashed", "FAIL", TEST)
    assert record["crash"] == problem
    assert record["tests"] == [
        {"id": "before", "verdict": "PASS"},
        {"id": TEST, "verdict": "FAIL", "reason": problem},
    ]


@pytest.mark.parametrize("code", [0, 1, 10])
def test_a_child_that_ends_itself_inside_a_test_fails(supervise, code):
    """An engine may call exit; its exit code is not pytest's."""
    result, out, record = supervise(f"record({TEST!r}); os._exit({code})")
    assert result == 1
    assert f"FAIL {TEST}: the process ended with exit code {code} inside a test" in out
    assert (record["state"], record["verdict"]) == ("crashed", "FAIL")


def test_an_exit_code_that_pytest_does_not_have_fails(supervise):
    result, out, record = supervise("record(None); os._exit(77)")
    assert result == 1
    assert (
        "FAIL before the first test or after the last one: the process ended itself with exit code"
        in out
    )
    assert record["running"] is None


def test_a_child_that_dies_before_there_is_a_record_fails(supervise):
    result, out, record = supervise("os.kill(os.getpid(), signal.SIGKILL)")
    assert (result, record) == (1, {})
    assert "FAIL before the first test or after the last one: the process ended by SIGKILL" in out
    assert out.endswith("VERDICT: FAIL\n")
    assert "Record:" not in out


def test_exit_0_without_a_record_does_not_pass(supervise):
    assert supervise("os._exit(0)")[0] == 1


def test_a_damaged_record_does_not_hide_the_verdict(tmp_path, capfd):
    code = "open('record.json', 'w').write('{'); os.kill(os.getpid(), 9)"
    command = [sys.executable, "-c", BEGIN + code]
    assert supervisor.supervise(command, tmp_path, tmp_path, 9, kept=None).code == 1
    assert "VERDICT: FAIL" in capfd.readouterr().out


def test_a_signal_without_a_name_fails(supervise):
    assert supervise("os.kill(os.getpid(), signal.SIGRTMIN + 1)")[0] == 1


# A child that writes the events of a run; the file of events is its last argument.
TELL = """
record(None)
path = sys.argv[-1].removeprefix("--events=")
def tell(event, **values):
    with open(path, "a") as file:
        file.write(json.dumps({"event": event, **values}) + chr(10))
print("dots of pytest"); print("a tool warns", file=sys.stderr)
tell("header", lines=["what is tested"])
"""
CLOSING = ["-- validation --", "Coverage: 1 PASS", "VERDICT: PASS (embedded set)"]
FINISH = f"tell('verdict', lines={CLOSING!r}); record(None, 'finished')"


@pytest.fixture
def on_screen(tmp_path, capfd):
    """Run the same child under a supervisor with a screen; give exit code, output, errors."""

    def call(code, timeout=30.0):
        command = [sys.executable, "-c", BEGIN + TELL + code]
        ended = supervisor.supervise_on_screen(command, tmp_path, tmp_path, timeout, kept=None)
        return ended.code, *capfd.readouterr()

    return call


def test_the_screen_shows_header_and_verdict_without_output_of_tools(on_screen):
    assert on_screen(FINISH) == (0, "\n".join(["what is tested", *CLOSING, ""]), "")


def test_a_crash_shows_the_last_output_and_the_test(on_screen):
    code = f"import faulthandler; faulthandler.enable(); record({TEST!r}); os.abort()"
    result, out, err = on_screen(code)
    assert result == 1
    assert "a tool warns" in err
    assert "Fatal Python error: Aborted" in err
    assert "dots of pytest" not in out
    assert out.splitlines()[-2:] == [
        f"FAIL {TEST}: the process ended by SIGABRT",
        "VERDICT: FAIL",
    ]


def test_a_verdict_does_not_hide_a_later_crash(on_screen):
    result, out, _ = on_screen(f"{FINISH}; os.kill(os.getpid(), 9)")
    assert result == 1
    assert "VERDICT: PASS" not in out
    assert out.endswith("VERDICT: FAIL\n")


def test_bad_usage_shows_the_message_of_pytest_as_every_command_does(on_screen):
    result, out, err = on_screen("print('ERROR: no such option', file=sys.stderr); sys.exit(4)")
    assert (result, out) == (2, "what is tested\n")
    assert err.endswith("retinaface: error: no such option\n")


def test_an_internal_error_is_no_verdict_and_keeps_what_is_known(on_screen, tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    lines = ["INTERNALERROR> Traceback (most recent call last):", "INTERNALERROR> KeyError: 'loc'"]
    result, out, err = on_screen(f"print({chr(10).join(lines)!r}); record(None); sys.exit(3)")
    assert (result, out) == (70, "what is tested\n")
    (kept,) = (tmp_path / "cache/crashes").iterdir()
    assert err.splitlines() == [
        "retinaface: error: unforeseen internal error of pytest: KeyError: 'loc'; this is a "
        f"mistake of retinaface and no verdict: report it with {kept}"
    ]
    assert lines[0] in kept.read_text().splitlines()


def test_an_engine_that_ends_python_as_pytest_does_after_a_mistake_fails(on_screen):
    result, out, _ = on_screen(f"record({TEST!r}); os._exit(3)")
    assert result == 1
    assert "the process ended with exit code 3 inside a test" in out


def test_a_run_without_a_test_shows_the_last_line_of_pytest(on_screen):
    result, out, _ = on_screen("print('more'); print('=== 9 deselected ==='); sys.exit(5)")
    assert (result, out) == (10, "what is tested\n=== 9 deselected ===\n")


def test_a_hanging_run_gives_the_terminal_back(on_screen):
    result, out, _ = on_screen(f"record({TEST!r}); time.sleep(60)", timeout=1.0)
    assert result == 1
    assert f"FAIL {TEST}: took longer than --timeout 1 s" in out


def test_relevant_lines_of_a_crash_are_the_innermost_frames_of_its_thread():
    frames = [f"  File {n}" for n in range(100)]
    dump = ["chatter", "Fatal Python error: Aborted", "", "Thread 0x1:", *frames]
    lines = supervisor.relevant_lines([*dump, "Current thread 0x2:", *frames])
    assert lines[:2] == ["chatter", "Fatal Python error: Aborted"]
    assert lines[2:4] == ["Current thread 0x2:", "  File 0"]
    assert len(lines) == 30


def test_relevant_lines_of_any_other_end_are_the_last_ones():
    lines = [f"line {n}" for n in range(100)]
    assert supervisor.relevant_lines(lines) == lines[-30:]
    assert supervisor.relevant_lines([]) == []

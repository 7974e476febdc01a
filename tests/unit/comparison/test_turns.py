import pytest

from retinaface.comparison.compare import compare_runs
from retinaface.comparison.turns import TURN_COLUMNS, ratio_text, settle, turn_rows
from retinaface.records.ab_session import AbSession
from tests.support.made.records import ENGINE, make_run
from tests.support.sessions import make_session

RUNTIMES = "onnxruntime 1.18.1", "onnxruntime 1.32.0"


def session(*arguments, **more):
    import msgspec

    return msgspec.convert({**make_session(*arguments, **more), "name": "a-b"}, AbSession)


def comparison(tmp_path, factor):
    """Two runs of two runtimes, on a machine that was not busy."""
    runs = []
    for name, x, runtime in zip("ab", (1.0, factor), RUNTIMES, strict=True):
        samples = {"samples_s": [0.1 * x] * 9, "machine": {"drift": 1.0, "tail": 1.0, "taken": 0.0}}
        engine = {"name": ENGINE, "device": "cpu", "runtime": runtime}
        result = {"engine": engine, "batch": 32, "speed": {"network": samples}}
        runs.append(make_run(tmp_path / name, result=result))
    return compare_runs(*runs)


def time_of(comparison):
    return next(m for m in comparison.metrics if m.name == "time of network")


def test_a_row_has_a_cell_for_each_column():
    (row,) = turn_rows([session("FAIL", ratio=1.9)])
    assert dict(zip(TURN_COLUMNS, row, strict=True)) == {
        "turn by turn": "a-b",
        "engine": ENGINE,
        "batch": "32",
        "A -> B": "onnxruntime 1.18.1 -> onnxruntime 1.32.0",
        "time of B over A, 95% interval": "x 1.900 [1.881, 1.919]",
        "noise": "+-2.0%",
        "sees, 9 times of 10": "5 %",
        "verdict": "FAIL",
        "what was found": "time of B over time of A",
    }


def test_a_row_says_how_many_starts_would_decide():
    (row,) = turn_rows([session("INCONCLUSIVE", starts_needed=14)])
    assert row[-1] == "time of B over time of A; --starts 14 would decide"


def test_what_differs_beside_the_runtime_is_named():
    (row,) = turn_rows([session(runtimes=(RUNTIMES[0], RUNTIMES[0]))])
    assert row[3] == "nothing that they know of"


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "INCONCLUSIVE"])
def test_a_session_of_the_same_engines_settles_what_records_leave_open(tmp_path, verdict):
    open_one = comparison(tmp_path, 1.8)
    assert str(time_of(open_one).verdict) == "INCONCLUSIVE"
    found = session(verdict, ratio=1.2)
    metric = time_of(settle(open_one, [found]))
    assert str(metric.verdict) == verdict
    assert ratio_text(found) in metric.note
    assert metric.command == ""


@pytest.mark.parametrize(
    "other",
    [
        {"batch": 1},
        {"engine": "ort-cpu-fp16"},
        {"runtimes": RUNTIMES[::-1]},
        {"runtimes": (RUNTIMES[0], RUNTIMES[0])},
    ],
    ids=["batch", "engine", "direction", "version"],
)
def test_a_session_of_anything_else_settles_nothing(tmp_path, other):
    open_one = comparison(tmp_path, 1.8)
    assert settle(open_one, [session(**other)]) == open_one


def test_what_is_called_slower_already_stays_so(tmp_path):
    failed = comparison(tmp_path, 3.1)
    assert str(time_of(failed).verdict) == "FAIL"
    assert settle(failed, [session("PASS")]) == failed

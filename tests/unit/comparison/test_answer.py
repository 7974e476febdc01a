import msgspec

from retinaface.comparison.answer import compared, judged_session
from retinaface.comparison.compare import compare_runs
from retinaface.comparison.text import metric_rows, summary
from retinaface.comparison.turns import TURN_COLUMNS
from retinaface.records.ab_session import AbSession
from tests.support.made.records import make_run
from tests.support.sessions import make_session


def test_the_answer_holds_all_that_a_comparison_found(tmp_path):
    comparison = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b", shift=20.0))
    answer = compared(comparison)
    assert metric_rows(answer) == metric_rows(comparison)
    content = msgspec.to_builtins(answer)
    assert (content["old"]["name"], content["new"]["name"]) == ("a", "b")
    assert (content["verdict"], content["summary"]) == ("FAIL", summary(comparison))
    assert content["not_known"] == []
    assert len(content["metrics"]) == len(comparison.metrics)
    assert set(content["metrics"][0]["change"]) == {"estimate", "low", "high"}


def test_a_session_is_what_was_judged_without_its_samples():
    session = msgspec.convert({**make_session("PASS"), "name": "s"}, AbSession)
    answer = judged_session(session)
    assert tuple(answer.row) == TURN_COLUMNS
    assert "seconds" not in msgspec.to_builtins(answer)
    assert answer.speed.power == session.speed.power

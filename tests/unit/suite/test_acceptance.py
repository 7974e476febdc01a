import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.baselines.detections_file import read_detections
from retinaface.baselines.entries import Entry, load_baselines, write_baseline
from retinaface.errors import BaselineError
from retinaface.suite.acceptance import Acceptance, start_acceptance
from retinaface.suite.place import Place
from retinaface.suite.target import Target
from retinaface.verdicts import Verdict
from tests.support.made.baselines import SOURCE, accuracy, timing
from tests.support.made.records import detections

ENGINE = {"name": "ort-cpu-fp32", "runtime": "onnxruntime 1.31.1", "device": "cpu"}
RECORD = {"commit": "0" * 40, "created": "2026-11-23T00:00:00+00:00", "environment": {"cpu": "x"}}
PASSED, FAILED = (SimpleNamespace(verdict=v) for v in (Verdict.PASS, Verdict.FAIL))


@pytest.fixture(autouse=True)
def _a_clean_checkout(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("retinaface.suite.acceptance.checkout_commit", lambda: "0" * 40)
    monkeypatch.setattr("retinaface.suite.acceptance.new_record", lambda: dict(RECORD))


def start(wanted=True, reason="a new runtime", target=Target(), where=Place(Path("/checkout"))):
    return start_acceptance(wanted=wanted, reason=reason, where=where, target=target)


def accepting(place):
    return Acceptance(True, "a new runtime", place)


def watching(place):
    return Acceptance(False, "", place)


def offered(**changes):
    """Make an entry as tests offer it, without its source."""
    data = accuracy(**changes)
    del data["source"]
    return data


def test_baselines_lie_in_the_checkout_unless_the_run_names_others():
    assert start().place == Path("/checkout/baselines")
    assert start(target=Target(baseline=Path("mine.json"))).place == Path("mine.json")
    quiet = start(wanted=False, reason=None)
    assert (quiet.wanted, quiet.reason) == (False, "")


@pytest.mark.parametrize(
    ("reason", "got"),
    [(None, "none"), ("", "''"), (" \n", r"' \\n'"), ("x", "'x'")],
    ids=["none", "empty", "blank", "short"],
)
def test_accepting_needs_a_reason_from_which_somebody_learns(reason, got):
    match = f"--accept-baseline needs --reason TEXT of at least 3 characters, got {got}; say why"
    with pytest.raises(BaselineError, match=match):
        start(reason=reason)


def test_a_reason_alone_is_a_mistake():
    with pytest.raises(BaselineError, match="--reason is for --accept-baseline; add it, or leave"):
        start(wanted=False)


@pytest.mark.parametrize("value", ["true", "1", "True", "yes"])
def test_ci_accepts_nothing(monkeypatch, value):
    monkeypatch.setenv("CI", value)
    with pytest.raises(
        BaselineError, match="--accept-baseline is refused in CI: .*commit the file"
    ):
        start()
    start(wanted=False, reason=None)


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_ci_may_be_switched_off(monkeypatch, value):
    monkeypatch.setenv("CI", value)
    assert start().wanted


def test_a_dirty_tree_accepts_nothing(monkeypatch):
    monkeypatch.setattr("retinaface.suite.acceptance.checkout_commit", lambda: "0" * 40 + "+dirty")
    with pytest.raises(BaselineError, match="refused on a dirty tree: .*commit or stash"):
        start()
    start(wanted=False, reason=None)


def test_a_reason_is_kept_without_its_margins():
    assert start(reason="  measured twice\n").reason == "measured twice"


def test_an_entry_belongs_to_its_device_and_runtime(tmp_path):
    acceptance = watching(tmp_path)
    assert acceptance.offer(offered(), ENGINE) == tmp_path / "any/onnxruntime-1.31.1.json"
    assert acceptance.offer(timing(), {"name": "Mine"}) == tmp_path / "amd/mine.json"
    named = watching(tmp_path / "b.json")
    assert named.offer(offered(), ENGINE) == tmp_path / "b.json"


def test_nothing_offered_writes_nothing(tmp_path):
    for acceptance in (accepting(tmp_path / "b"), watching(tmp_path / "b")):
        acceptance.finish(PASSED)
        assert acceptance.lines() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("run", [PASSED, FAILED], ids=["pass", "fail"])
def test_without_acceptance_a_candidate_stands_beside(tmp_path, run):
    path = tmp_path / "any/onnxruntime-1.31.1.json"
    path.parent.mkdir()
    write_baseline(
        path, [accuracy(pipeline="ixrt"), accuracy(value=dict.fromkeys(accuracy()["value"], 1))]
    )
    before = path.read_bytes()
    acceptance = watching(tmp_path)
    acceptance.offer(offered(), ENGINE, {"e/a": detections(2, 0)})
    acceptance.finish(run)
    candidate = path.with_name("onnxruntime-1.31.1.candidate.json")
    assert path.read_bytes() == before
    assert len(load_baselines(tmp_path)) == 2
    content = json.loads(candidate.read_text())
    assert content["sdk"] == "onnxruntime-1.31.1"
    values = {e["pipeline"]: e["value"]["hard"] for e in content["entries"]}
    assert values == {"ixrt": 40.0, "igie": 40.0}
    (entry,) = [e for e in content["entries"] if e["pipeline"] == "igie"]
    assert entry["source"]["accepted_because"] == "a candidate, not accepted"
    assert ".candidate." in entry["detections"]["file"]
    assert (path.parent / entry["detections"]["file"]).is_file()
    assert acceptance.lines() == [
        f"Candidate, not accepted: {candidate} (1 entry)",
        "  to accept it, run the same command on a clean checkout with: "
        '--accept-baseline --reason "why this is right"',
    ]


def test_what_is_accepted_is_read_back_with_its_detections(tmp_path):
    acceptance = accepting(tmp_path)
    found = {"e/a": detections(2, 1), "e/b": detections(0, 0)}
    path = acceptance.offer(offered(), ENGINE, found)
    acceptance.offer(timing(device="any"), ENGINE)
    acceptance.finish(PASSED)
    assert acceptance.lines() == [f"Accepted: {path} (2 entries)"]
    entry, speed = load_baselines(tmp_path)
    assert entry.data["source"] == {
        "kind": "run",
        "engine": "ort-cpu-fp32",
        "runtime": "onnxruntime 1.31.1",
        "accepted_because": "a new runtime",
        **RECORD,
    }
    assert speed.detections_path is None
    assert entry.detections_path == tmp_path / "any/onnxruntime-1.31.1.igie.fp32.434.npz"
    stored = read_detections(entry.detections_path)
    assert list(stored) == list(found)
    np.testing.assert_array_equal(stored["e/a"].scores, found["e/a"].scores)


def test_accepting_replaces_the_same_keys_and_keeps_the_rest(tmp_path):
    path = tmp_path / "any/onnxruntime-1.31.1.json"
    path.parent.mkdir()
    write_baseline(path, [accuracy(), accuracy(pipeline="ixrt")])
    acceptance = accepting(tmp_path)
    acceptance.offer(offered(value={"easy": 81, "medium": 71, "hard": 41}), ENGINE)
    acceptance.finish(PASSED)
    values = {e.data["pipeline"]: e.data["value"]["hard"] for e in load_baselines(tmp_path)}
    assert values == {"igie": 41, "ixrt": 40.0}
    (kept,) = [e.data for e in load_baselines(tmp_path) if e.data["pipeline"] == "ixrt"]
    assert kept["source"] == SOURCE


def test_each_file_gets_its_own_entries(tmp_path):
    acceptance = accepting(tmp_path)
    acceptance.offer(offered(), ENGINE)
    acceptance.offer(timing(), ENGINE)
    acceptance.finish(PASSED)
    found = {
        e.path.relative_to(tmp_path).as_posix(): e.data["metric"] for e in load_baselines(tmp_path)
    }
    assert found == {
        "any/onnxruntime-1.31.1.json": "accuracy",
        "amd/onnxruntime-1.31.1.json": "speed",
    }


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE], ids=str)
def test_a_run_that_does_not_pass_accepts_nothing(tmp_path, verdict):
    acceptance = accepting(tmp_path)
    acceptance.offer(offered(), ENGINE)
    acceptance.finish(SimpleNamespace(verdict=verdict))
    assert acceptance.lines() == [f"Baselines NOT accepted: the run is {verdict}"]
    assert list(tmp_path.iterdir()) == []


def test_the_same_entry_is_offered_once(tmp_path):
    acceptance = accepting(tmp_path)
    paths = {acceptance.offer(offered(), ENGINE) for _ in range(2)}
    acceptance.finish(PASSED)
    assert len(paths) == len(load_baselines(tmp_path)) == 1


def test_an_entry_that_fits_no_schema_is_refused_and_nothing_replaced(tmp_path):
    acceptance = accepting(tmp_path)
    acceptance.offer(offered(reason="short"), ENGINE)
    message = re.escape(f"cannot write baseline {tmp_path / 'any/onnxruntime-1.31.1.json'}")
    with pytest.raises(BaselineError, match=message):
        acceptance.finish(PASSED)
    assert list((tmp_path / "any").iterdir()) == []


def test_a_reason_too_short_for_the_schema_is_refused_before_the_run():
    with pytest.raises(BaselineError):
        start(reason="ok")


@pytest.mark.parametrize("name", ["new.json", "My_Baselines/New.json"])
def test_a_file_named_by_the_user_can_be_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    a = Acceptance(True, "a new runtime", Path(name))
    a.offer(offered(), ENGINE)
    a.finish(PASSED)
    assert len(load_baselines(Path(name))) == 1


@pytest.fixture
def wheel(tmp_path):
    """Install a package with a baseline that ships."""
    path = tmp_path / "wheel/baselines/any/onnxruntime-1.31.1.json"
    path.parent.mkdir(parents=True)
    write_baseline(path, [timing()])
    return Place(tmp_path / "wheel", is_shipped=True)


def test_what_ships_with_a_package_is_read_and_never_written(wheel, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    acceptance = start(wanted=False, reason=None, where=wheel)
    assert len(acceptance.entries) == 1
    path = acceptance.offer(offered(pipeline="ixrt"), ENGINE)
    assert "name a folder of yours with --baseline DIR, and a candidate is written there" in (
        acceptance.next_step(path)
    )
    acceptance.finish(FAILED)
    assert acceptance.lines() == []
    assert sorted(tmp_path.rglob("*")) == before


def test_accepting_beside_an_installed_package_needs_a_folder(wheel):
    with pytest.raises(BaselineError, match="--accept-baseline needs a folder of yours, .* DIR"):
        start(where=wheel)


def test_a_folder_of_the_users_is_read_beside_and_written_alone(wheel, tmp_path):
    mine = tmp_path / "mine"
    (shipped,) = (tmp_path / "wheel").rglob("*.json")
    before = shipped.read_bytes()
    target = Target(baseline=mine)
    watching = start(wanted=False, reason=None, where=wheel, target=target)
    path = watching.offer(offered(pipeline="ixrt"), ENGINE)
    assert path == mine / "any/onnxruntime-1.31.1.json"
    words = f'with: --baseline {mine} --accept-baseline --reason "why this is right"'
    assert watching.next_step(path).endswith(f"accept it {words}")
    watching.finish(FAILED)
    assert watching.lines()[-1] == f"  to accept it, run the same command {words}"
    accepting = start(where=wheel, target=target)
    accepting.offer(offered(pipeline="ixrt"), ENGINE, {"e/a": detections(2, 0)})
    accepting.finish(PASSED)
    assert [e.data["pipeline"] for e in load_baselines(mine)] == ["ixrt"]
    again = start(wanted=False, reason=None, where=wheel, target=target)
    assert [e.data["pipeline"] for e in again.entries] == ["ixrt", "igie"]
    assert shipped.read_bytes() == before


def test_a_file_of_the_users_is_read_alone(wheel, tmp_path):
    target = Target(baseline=tmp_path / "mine.json")
    assert start(wanted=False, reason=None, where=wheel, target=target).entries == []


def test_an_accuracy_without_its_detections_is_refused_before_anything_runs(tmp_path):
    path = tmp_path / "any" / "b.json"
    path.parent.mkdir()
    write_baseline(path, [accuracy()])
    message = "it keeps no `detections`; restore it: git checkout -- baselines; or accept it anew"
    for named in (path, tmp_path):
        with pytest.raises(BaselineError, match=f"accuracy igie fp32 .*{message}"):
            start(wanted=False, reason=None, target=Target(baseline=named))
    with pytest.raises(BaselineError, match=message):
        _ = watching(tmp_path).entries  # that nobody named fails the tests that need it


def test_wide_limits_are_noted_once(tmp_path):
    acceptance = watching(tmp_path)
    wide = Entry(accuracy(reason="a board of early silicon"), tmp_path / "b.json")
    assert acceptance.judge_limits("baseline", wide) is None
    assert acceptance.notes == []
    wide.data["tolerance"]["ap_points"] = 3
    for _ in range(2):
        assert acceptance.judge_limits("baseline", wide) is None
    (note,) = acceptance.notes
    assert "AP 3 points (0.5), because: a board of early silicon" in note

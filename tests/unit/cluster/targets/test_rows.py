import pytest

from retinaface.cluster.targets.packing import pack
from retinaface.cluster.targets.placing import Finished
from retinaface.cluster.targets.plan import OwnKeys, Target
from retinaface.cluster.targets.rows import bring_home
from retinaface.cluster.targets.running import Outcome
from retinaface.verdicts import Verdict
from tests.support.made.records import make_run

TARGET = Target("a", OwnKeys(needs={"GPU": 1}), {"engine": ("x", "y"), "batch": ("8",)})


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_record_and_output_lie_in_the_folder(home, tmp_path):
    sent = pack(make_run(tmp_path / "there").folder)
    outcome = Outcome(Verdict.FAIL, "moved", 12.34, sent, "one\ntwo\n")
    row, run = bring_home(Finished(TARGET, outcome, "tcp://b:1", ["tcp://a:1"]), home)
    assert run.name == "a"
    assert (home / "a.txt").read_text() == "one\ntwo\n"
    assert (row.record, row.output) == (f"{home}/a", f"{home}/a.txt")
    expected = ["a", "FAIL", "x, y", "default", "GPU=1", "tcp://b:1", "12.3", "moved"]
    assert row.cells() == expected
    assert row.lost == ["tcp://a:1"]


def test_a_target_that_never_began_is_a_row(home):
    finished = Finished(TARGET, Outcome(Verdict.INCONCLUSIVE, "no worker"))
    row, run = bring_home(finished, home)
    assert (row.record, row.output, run) == (None, None, None)
    assert row.cells()[5:] == ["", "", "no worker"]
    assert list(home.iterdir()) == []


def test_a_record_that_contradicts_itself_is_no_pass(home, tmp_path):
    folder = make_run(tmp_path / "there").folder
    text = (folder / "record.json").read_text()
    (folder / "record.json").write_text(text.replace('"schema_version": 3', '"schema_version": 99'))
    finished = Finished(TARGET, Outcome(Verdict.PASS, "", 1.0, pack(folder)), "tcp://b:1")
    row, run = bring_home(finished, home)
    assert (row.verdict, run) == (Verdict.INCONCLUSIVE, None)
    assert "schema" in row.reason
    assert row.record == f"{home}/a"


def test_a_damaged_parcel_leaves_no_folder(home):
    finished = Finished(TARGET, Outcome(Verdict.FAIL, "moved", 1.0, b"PK"), "tcp://b:1")
    row, _ = bring_home(finished, home)
    assert row.verdict is Verdict.FAIL
    assert row.reason.startswith("moved; the record for")
    assert row.record is None
    assert list(home.iterdir()) == []

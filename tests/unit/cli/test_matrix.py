"""The command, with workers in place of which the targets end as they are told."""

import contextlib
import json
from types import SimpleNamespace

import pytest

from retinaface.cluster import connection
from retinaface.cluster.targets import placing
from retinaface.cluster.targets.packing import pack
from retinaface.cluster.targets.placing import Finished
from retinaface.cluster.targets.running import Outcome
from retinaface.verdicts import Verdict
from tests.support.made.records import entry, make_run

PLAN = """
[defaults]
alone = false
[[target]]
name = "good"
engine = "ort-cpu-fp32"
[[target]]
name = "stuck"
pipeline = "igie"
needs = {GPU = 1}
[[target]]
name = "nowhere"
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    return "plan.toml"


@pytest.fixture
def outcomes(tmp_path):
    """Give how each target ends, by name; a test may change it."""
    good = pack(make_run(tmp_path / "made", tests=[entry("t::a", "PASS")], verdict="PASS").folder)
    return {
        "stuck": Outcome(Verdict.FAIL, "gave no answer within 3 s", 3.0, None, "a\nb\nlast\n"),
        "good": Outcome(Verdict.PASS, "", 1.5, good, "VERDICT: PASS\n"),
        "nowhere": Outcome(Verdict.INCONCLUSIVE, "no worker within 0 s"),
    }


@pytest.fixture
def cluster(monkeypatch, outcomes):
    """Stand in for a cluster of two workers on one machine."""
    facts = {"host": "a", "resources": {}}
    workers = {"tcp://a:1": facts, "tcp://a:2": facts}
    client = SimpleNamespace(
        status="running",
        nthreads=lambda: workers,
        scheduler=SimpleNamespace(identity=None),
        sync=lambda _identity, **_settings: {"workers": workers},
    )

    class Placing:
        def __init__(self, _client, targets, *, wait_s):
            self.targets = {target.name: target for target in targets}

        def run(self):
            for name, outcome in outcomes.items():
                if outcome is KeyboardInterrupt:
                    raise outcome
                if name in self.targets:
                    worker = "tcp://a:1" if outcome.seconds else ""
                    yield Finished(self.targets[name], outcome, worker)

    monkeypatch.setattr(connection, "connect", lambda _scheduler: contextlib.nullcontext(client))
    monkeypatch.setattr(placing, "Placing", Placing)


@pytest.mark.usefixtures("cluster")
def test_each_target_is_told_when_it_ends_and_is_a_row_of_one_report(run, plan, tmp_path):
    code, out, err = run("matrix", plan, "--output", "m")
    assert code == 1
    assert err.splitlines() == [
        "[1/3] FAIL stuck in 3.0 s: gave no answer within 3 s",
        "    a",
        "    b",
        "    last",
        "[2/3] PASS good in 1.5 s",
        "[3/3] INCONCLUSIVE nowhere in 0.0 s: no worker within 0 s",
    ]
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:3] == ["target", "verdict", "engine"]
    assert [line[:2] for line in lines[1:4]] == [
        ["good", "PASS"],
        ["stuck", "FAIL"],
        ["nowhere", "INCONCLUSIVE"],
    ]
    assert "3 targets took no times" in out
    assert out.splitlines()[-1] == "VERDICT: FAIL"
    names = {path.name for path in (tmp_path / "m").iterdir()}
    files = {"good.txt", "stuck.txt", "report.html", "report.md", "matrix.json"}
    assert names == files | {"good"}
    html, markdown = ((tmp_path / "m" / f"report.{kind}").read_text() for kind in ("html", "md"))
    for text in (html, markdown):
        assert "3 targets: 1 PASS, 1 FAIL, 1 INCONCLUSIVE. 1 record; each" in text
        for words in ("stuck", "gave no answer within 3 s", "no worker within 0 s", "GPU=1"):
            assert words in text
    assert markdown.startswith("# FAIL: Matrix plan\n")
    rows = json.loads((tmp_path / "m" / "matrix.json").read_text())
    assert [row["verdict"] for row in rows["targets"]] == ["PASS", "FAIL", "INCONCLUSIVE"]
    assert rows["targets"][0]["record"] == "m/good"


@pytest.mark.usefixtures("cluster")
def test_the_exit_code_is_that_of_the_worst_row(run, plan, outcomes):
    outcomes["stuck"] = Outcome(Verdict.PASS, "", 1.0)
    assert run("matrix", plan, "--output", "m", "-q")[0] == 10
    outcomes["nowhere"] = Outcome(Verdict.PASS, "", 1.0)
    code, out, err = run("matrix", plan, "--output", "n", "-q", "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["command"] == "matrix"


@pytest.mark.usefixtures("cluster")
def test_without_any_record_there_are_rows_and_no_report(run, plan, outcomes, tmp_path):
    outcomes["good"] = Outcome(Verdict.FAIL, "no such python", 0.1)
    code, out, _ = run("matrix", plan, "--output", "m")
    assert code == 1
    assert "no target left a record that can be read: there is no report" in out
    assert {path.name for path in (tmp_path / "m").iterdir()} == {"matrix.json", "stuck.txt"}


@pytest.mark.usefixtures("cluster")
def test_targets_that_take_times_wait_for_their_machine_and_a_note_says_so(run, plan, tmp_path):
    (tmp_path / plan).write_text(PLAN.replace("alone = false", ""))
    assert (
        "3 targets may take times and run one after the other"
        in run("matrix", plan, "--output", "m")[1]
    )


@pytest.mark.usefixtures("cluster")
def test_an_interrupted_run_keeps_what_came_home(run, plan, outcomes, tmp_path):
    outcomes["nowhere"] = KeyboardInterrupt
    code, _, err = run("matrix", plan, "--output", "m")
    assert code == 130
    assert "2 targets ended before; see m" in err
    assert {path.name for path in (tmp_path / "m").iterdir()} == {"good", "good.txt", "stuck.txt"}
    again = run("matrix", plan, "--output", "m")
    assert again[0] == 2
    assert "output folder m is not empty" in again[2]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("batch = 0", "plan.toml: target default-b0: Invalid value for '--batch': 0 is not in"),
        ("soak = 0.5", "target default: Invalid value for '--soak'"),
        ("bach = 1", "bach: unknown option; did you mean batch"),
        ("keywords = 3", "Expected `str`, got `int` in `keywords`"),
    ],
)
def test_a_bad_plan_is_refused_before_anything_runs(refuse, tmp_path, table, message):
    (tmp_path / "plan.toml").write_text(f"[[target]]\n{table}\n")
    refuse("matrix", "plan.toml", "--output", "m", match=message)
    assert not (tmp_path / "m").exists()


def test_a_scheduler_that_is_no_address_is_refused(refuse, plan, tmp_path):
    refuse("matrix", plan, "--output", "m", "--scheduler", "here", match="is not an address")
    assert not (tmp_path / "m").exists()


@pytest.mark.alone
def test_a_target_runs_on_this_machine(run, tmp_path):
    """The suites run for real, on a worker of this machine, narrowed to a few tests."""
    (tmp_path / "plan.toml").write_text(
        '[[target]]\nname = "one"\nengine = "ort-cpu-fp32"\npipeline = "igie"\n'
        'weights = "embedded"\nwiderface = "embedded"\nkeywords = "placement"\n'
    )
    code, out, err = run("matrix", "plan.toml", "--output", "m")
    assert code == 0, out + err
    record = json.loads((tmp_path / "m" / "one" / "record.json").read_text())
    ran = [test for test in record["tests"] if test["verdict"] == "PASS"]
    assert all("placement" in test["id"] for test in ran)
    assert ran
    assert "VERDICT: PASS" in (tmp_path / "m" / "one.txt").read_text()

"""Published figures gate on their own SDK and device alone, and are reported elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from retinaface.baselines.entries import Entry, load_baselines
from retinaface.checks.speed.machine import MachineNoise
from retinaface.detection.pipelines import PIPELINES
from retinaface.records.result_id import ResultId
from retinaface.suite.acceptance import Acceptance
from retinaface.suite.judged.published import VENDOR_RUN, gates, sdk_of
from retinaface.suite.judged.speed import SpeedJudge, TimedCalls
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import Verdict

BASELINES = Path(__file__).resolve().parents[4] / "baselines"
NAME = "igie-iluvatar-fp16"
BOARD = {
    "name": NAME,
    "device": "iluvatar",
    "device_name": "Iluvatar MR-V100",
    "precision": "fp16",
    "runtime": "igie 0.18.0+corex.4.2.0",
}
PUBLISHED = 8304.626


class Quiet:
    """Fixed work on a quiet machine."""

    seconds = (0.01,) * 5

    def noise(self):
        return MachineNoise(1.0, 1.0, 0.0)


def judged(tmp_path, images_per_s, batch=32, timed=VENDOR_RUN, wanted=False, **changes):
    """Judge five timings of an engine on a board, by the baselines that ship."""
    engine = BOARD | changes
    place = tmp_path if wanted else BASELINES
    judge = SpeedJudge(
        PIPELINES["igie"], Acceptance(wanted, "why", place, BASELINES), ValidationRun({}, None)
    )
    times = batch / images_per_s * np.array([1.0, 1.001, 0.999, 1.0, 1.0])
    name = ResultId(engine["name"], "igie", batch)
    return judge.judge(name, engine, timed, TimedCalls(times.tolist(), Quiet()), batch)


@pytest.mark.parametrize(
    ("share", "verdict"), [(1.0, Verdict.PASS), (0.96, Verdict.PASS), (0.9, Verdict.FAIL)]
)
def test_on_the_board_and_sdk_of_the_page_the_figure_gates(tmp_path, share, verdict):
    (check,) = judged(tmp_path, PUBLISHED * share)
    assert check.verdict is verdict, check.message
    assert "published 8304.6, at least 7889.4" in check.message
    assert check.name == "against speed igie fp16 batch 32 in iluvatar-mr-v100/ixuca-4.2.0.json"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"runtime": "igie 0.18.1+corex.4.3.0"}, "not gated: SDK 4.3.0, not 4.2.0"),
        ({"runtime": "igie 0.18.0"}, "not gated: SDK unknown, not 4.2.0"),
        ({"device_name": "Iluvatar MR-V50"}, "not gated: device iluvatar-mr-v50, not iluvatar-mr"),
    ],
    ids=["sdk", "no-sdk", "device"],
)
def test_elsewhere_its_ratio_is_reported_and_a_first_baseline_is_missing(tmp_path, changes, reason):
    first, beside = judged(tmp_path, PUBLISHED / 2, **changes)
    assert (first.name, first.verdict) == ("speed baseline", Verdict.INCONCLUSIVE)
    assert beside.verdict is Verdict.PASS
    assert "are 0.500 times the published 8304.626" in beside.message
    assert reason in beside.message
    assert beside.numbers["ratio"] == pytest.approx(0.5)


def test_another_engine_is_shown_both_figures(tmp_path):
    changes = {"name": "tensorrt-cuda-fp16", "device": "cuda", "device_name": "NVIDIA H100"}
    first, *beside = judged(tmp_path, 2 * PUBLISHED, **changes, runtime="tensorrt 10")
    assert first.verdict is Verdict.INCONCLUSIVE
    assert [round(check.numbers["published"]) for check in beside] == [8305, 8536]
    assert "engine tensorrt-cuda-fp16, not igie-iluvatar-fp16" in beside[0].message


def test_no_other_batch_or_clock_has_a_published_figure(tmp_path):
    for changes in ({"batch": 8}, {"timed": "run"}, {"timed": "network"}):
        (check,) = judged(tmp_path, PUBLISHED, **changes)
        assert (check.name, check.verdict) == ("speed baseline", Verdict.INCONCLUSIVE)


def test_a_run_that_accepts_its_figures_is_compared_with_none(tmp_path):
    (check,) = judged(tmp_path, PUBLISHED / 2, wanted=True)
    assert check.message.startswith("to be accepted as ")


def test_the_sdk_shows_in_the_suffix_of_the_runtime_or_in_the_driver():
    assert sdk_of({"runtime": "ixrt 1.0.0+corex.4.3.0"}) == "4.3.0"
    assert sdk_of({"runtime": "igie 0.18.0", "driver": "4.2.0", "device": "iluvatar"}) == "4.2.0"
    assert sdk_of({"runtime": "tensorrt 10", "driver": "550.54", "device": "cuda"}) is None
    assert sdk_of({"runtime": "igie 0.18.0"}) is None


def test_entries_of_runs_gate_whatever_the_sdk():
    published = [e for e in load_baselines(BASELINES) if e.data.get("sdk")]
    assert [gates(entry, {"runtime": "igie 0.18.1"}) for entry in published] == [False, False]
    own = Entry({**published[0].data, "source": {"kind": "run"}}, published[0].path)
    assert gates(own, {"runtime": "igie 0.18.1"})

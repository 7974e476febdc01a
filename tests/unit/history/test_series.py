"""Lines of comparable figures, and their changes."""

import numpy as np
import pytest

from retinaface.history.index import read_history
from retinaface.history.series import (
    Circumstances,
    breaks_of,
    by_owner,
    lines_of,
    moving,
    sparkline,
)
from tests.support.histories import BUSY, write_history

STEP = [46.5] * 8 + [45.9] * 8
SLOWER = [240.0] * 8 + [200.0] * 8


def lines(folder, **chosen):
    return lines_of(read_history(folder).rows, **chosen)


def line(folder, metric, **chosen):
    (found,) = (one for one in lines(folder, **chosen) if one.metric == metric)
    return found


@pytest.mark.parametrize(
    "other",
    [
        {"images_sha256": "6" * 64},
        {"target": {"weights": {"sha256": "c" * 64}}},
        {"cpu": "another processor"},
        {"engine": "ort-cpu-fp16"},
    ],
    ids=["images", "weights", "device", "engine"],
)
def test_runs_that_do_not_compare_share_no_line(tmp_path, other):
    write_history(tmp_path, STEP[:8])
    write_history(tmp_path, STEP[8:], first=8, **other)
    found = [one for one in lines(tmp_path) if one.metric == "AP hard"]
    assert [len(one.points) for one in found] == [8, 8]
    assert breaks_of(lines(tmp_path)) == []


def test_times_of_other_images_and_weights_share_a_line(tmp_path):
    write_history(tmp_path, STEP[:8])
    write_history(tmp_path, STEP[8:], first=8, images_sha256="6" * 64)
    assert len(line(tmp_path, "network").points) == 16


def test_a_change_names_its_runs_and_its_size(tmp_path):
    write_history(tmp_path, STEP, SLOWER)
    (found,) = breaks_of(lines(tmp_path))
    assert (found.before.name, found.after.name) == ("run-0007", "run-0008")
    assert found.is_worse
    assert [str(change) for change in found.changes] == [
        "igie b8 AP hard -0.60 [-0.60, -0.60] points",
        "igie b8 network -16.67 [-16.67, -16.67] %",
    ]


def test_changes_of_one_engine_between_the_same_runs_are_one_break(tmp_path):
    write_history(tmp_path, STEP, pipelines=("igie", "ixrt", "upstream-320", "upstream-640"))
    (found,) = breaks_of(lines(tmp_path))
    assert [change.line.subject.pipeline for change in found.changes] == [
        *("igie", "ixrt", "upstream-320", "upstream-640")
    ]
    write_history(tmp_path, STEP, first=20, engine="ncnn-cpu-fp32")
    assert len(breaks_of(lines(tmp_path))) == 2


def test_of_many_changes_the_largest_are_written(tmp_path):
    write_history(tmp_path, STEP, SLOWER, pipelines=("igie", "ixrt", "upstream-320"))
    (found,) = breaks_of(lines(tmp_path))
    assert len(found.changes) == 6
    assert found.sizes.endswith("; and 2 more")


def test_breaks_are_listed_newest_first(tmp_path):
    write_history(tmp_path, [46.5] * 6 + [45.9] * 6 + [46.5] * 6)
    assert [one.after.name for one in breaks_of(lines(tmp_path))] == ["run-0012", "run-0006"]
    assert [one.is_worse for one in breaks_of(lines(tmp_path))] == [False, True]


def test_too_few_runs_have_no_changes_to_tell(tmp_path):
    write_history(tmp_path, STEP[6:11])
    assert line(tmp_path, "AP hard").changes is None


def test_runs_on_a_busy_machine_count_for_ap_alone(tmp_path):
    write_history(tmp_path, STEP[:8], SLOWER[:8])
    write_history(tmp_path, STEP[8:], SLOWER[8:], first=8, machine=BUSY)
    assert line(tmp_path, "network").changes == []
    assert len(line(tmp_path, "network").quiet) == 8
    assert len(line(tmp_path, "AP hard").changes) == 1


def test_lines_are_chosen_by_engine_device_and_date(tmp_path):
    write_history(tmp_path, STEP)
    write_history(tmp_path, STEP, engine="ncnn-cpu-fp16", first=20, cpu="Other")
    assert {one.subject.engine for one in lines(tmp_path, engines=["ncnn"])} == {"ncnn-cpu-fp16"}
    assert {one.subject.engine for one in lines(tmp_path, device="epyc")} == {"ort-cpu-fp32"}
    first = read_history(tmp_path).rows[10].created
    assert len(line(tmp_path, "AP hard", since=first, engines=["no such", "ort"]).points) == 6
    assert list(by_owner(lines(tmp_path))) == [
        *("ncnn-cpu-fp16 on Other, 8 cores", "ort-cpu-fp32 on AMD EPYC 7763, 8 cores")
    ]


def test_what_else_changed_is_read_from_the_two_records(tmp_path):
    write_history(tmp_path, STEP, packages={8: {"onnxruntime": "1.32.0"}})
    (found,) = breaks_of(lines(tmp_path))
    facts = Circumstances(tmp_path)
    assert facts.between(found.before, found.after) == "onnxruntime 1.31.1 -> 1.32.0"
    assert facts.between(found.after, found.after) == "nothing that the records describe changed"
    (tmp_path / "run-0001" / "record.json").unlink()
    rows = read_history(tmp_path).rows
    (tmp_path / "run-0000" / "record.json").write_text("{")
    assert "what else changed is not known: cannot read" in facts.between(rows[0], rows[1])


def test_many_facts_are_cut_with_the_command_that_shows_them(tmp_path):
    packages = {f"package{i}": "1" for i in range(9)}
    write_history(tmp_path, STEP, packages={0: packages, 8: dict.fromkeys(packages, "2")})
    (found,) = breaks_of(lines(tmp_path))
    text = Circumstances(tmp_path).between(found.before, found.after)
    assert text.endswith("package5 1 -> 2; and 3 more: retinaface compare")


def test_noise_below_the_smallest_effect_looks_level(tmp_path):
    rng = np.random.default_rng(0)
    write_history(tmp_path, (46.5 + rng.normal(0, 0.01, 16)).tolist())
    assert set(sparkline(line(tmp_path, "AP hard"), 16)) <= set("▄▅")


def test_a_step_spans_the_bars(tmp_path):
    write_history(tmp_path, STEP)
    assert sparkline(line(tmp_path, "AP hard"), 16) == "█" * 8 + "▁" * 8
    assert sparkline(line(tmp_path, "AP hard"), 4) == "██▁▁"


def test_the_line_that_changed_most_is_shown(tmp_path):
    write_history(tmp_path, STEP, [240.0] * 8 + [220.0] * 8)
    found = lines(tmp_path)
    assert moving(found).metric == "AP hard"
    assert moving([one for one in found if one.metric != "AP hard"]).metric == "network"
    assert moving(found[:2]).metric == "AP medium"

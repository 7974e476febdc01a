"""The figures of a record, and what makes them comparable."""

import pytest

from retinaface.history.rows import moment, row_of
from retinaface.records.read import read_run
from tests.support.histories import BUSY, QUIET, write_history


def made(folder, **changes):
    write_history(folder, [46.5], [240.0], **changes)
    return row_of(read_run(folder / "run-0000"))


def test_a_row_has_the_figures_of_each_result(tmp_path):
    row = made(tmp_path)
    ((subject, figures),) = row.figures
    assert str(subject) == "ort-cpu-fp32 igie b8"
    assert subject.owner == "ort-cpu-fp32 on AMD EPYC 7763, 8 cores"
    assert (subject.device, subject.is_cpu) == ("AMD EPYC 7763, 8 cores", True)
    assert [(f.metric, round(f.value, 6), f.unit, f.smallest) for f in figures] == [
        ("AP easy", 95.0, "%", 0.1),
        ("AP medium", 90.0, "%", 0.1),
        ("AP hard", 46.5, "%", 0.1),
        ("network", 240.0, "images/s", 0.05),
        ("least margin", 100.0, "% of the limit", 10.0),
    ]
    assert figures[0].basis == "3226 images 55555555, weights b4b4b4b4"
    assert (figures[3].basis, figures[3].busy) == ("", "")
    assert figures[4].note == "AP hard"
    assert (row.date, row.verdict, row.state) == ("2026-09-01 04:30", "PASS", "finished")


def test_a_busy_machine_is_noted_with_the_rate_alone(tmp_path):
    figures = made(tmp_path, machine=BUSY).figures[0][1]
    assert [f.metric for f in figures if f.busy] == ["network"]
    assert figures[3].busy == "other processes took 50% of the time of fixed work"


@pytest.mark.parametrize("machine", [QUIET, None])
def test_a_quiet_machine_and_one_that_nobody_knows_are_not_busy(tmp_path, machine):
    assert not any(f.busy for f in made(tmp_path, machine=machine).figures[0][1])


def test_a_date_without_a_zone_is_utc(tmp_path):
    write_history(tmp_path, [46.5])
    run = read_run(tmp_path / "run-0000")
    times = ("2026-11-27T06:30:00", "2026-11-27T06:30:00Z", "2026-11-27T07:30:00+01:00")
    assert len({moment(time, run) for time in times}) == 1

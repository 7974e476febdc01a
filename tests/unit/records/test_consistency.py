"""A record that contradicts itself is refused, and the field is named."""

import json

import numpy as np
import pytest

from retinaface.errors import RecordError
from retinaface.records.consistency import AP_SLACK, ap_contradiction, ap_offsets, contradictions
from retinaface.records.read import read_run
from retinaface.records.schema import Result
from retinaface.widerface.average_precision import average_precision
from tests.support.made.records import RESULT, N, counts_of, make_run

FACTS = {
    "engine": {"name": "ort-cpu-fp32", "precision": "fp32", "device": "cpu"},
    "pipeline": "igie",
    "batch": 32,
    "speed": {"network": {"samples_s": [0.1, 0.2], "median_s": 0.15, "images_per_s": 200.0}},
}


def changed(folder, change):
    """Change the first result of a record in its file."""
    path = folder / "record.json"
    record = json.loads(path.read_text())
    change(record["results"][0], record)
    path.write_text(json.dumps(record))
    return folder


def test_a_record_that_agrees_with_itself_is_read(tmp_path):
    run = make_run(tmp_path / "run", result=FACTS)
    assert list(contradictions(run.record)) == []
    assert run.counts(RESULT) is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r, _: r.update(batch=8), "batch: got 8, expected 32"),
        (lambda r, _: r.update(pipeline="ixrt"), "pipeline: got 'ixrt', expected 'igie'"),
        (
            lambda r, _: r["engine"].update(name="x"),
            "engine/name: got 'x', expected 'ort-cpu-fp32'",
        ),
        (lambda r, _: r.update(detect_s=0), "detect_s: got 0.0, expected a number above 0"),
        (
            lambda r, _: r["speed"]["network"]["samples_s"].append("nan"),
            "speed/network/samples_s: got nan, expected a number above 0",
        ),
        (
            lambda r, _: r["speed"]["network"].update(images_per_s=-1),
            "speed/network/images_per_s: got -1.0, expected a number above 0",
        ),
        (lambda r, record: record["results"].append(r), "2 times, expected once"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_with_the_field(tmp_path, change, message):
    make_run(tmp_path / "run", result=FACTS)
    with pytest.raises(RecordError, match=message) as caught:
        read_run(changed(tmp_path / "run", change))
    assert "record.json contradicts itself at results" in str(caught.value)


def test_ap_that_is_not_that_of_the_counts_is_refused(tmp_path):
    make_run(tmp_path / "run")
    run = read_run(changed(tmp_path / "run", lambda r, _: r["ap"].update(medium=0.9)))
    with pytest.raises(RecordError, match=f"results/{RESULT}/ap/medium: got 0.900000, expected 1"):
        run.counts(RESULT)


def test_ap_of_another_release_is_for_an_attribution_to_judge(tmp_path):
    make_run(tmp_path / "run", retinaface="0.0.1")
    run = read_run(changed(tmp_path / "run", lambda r, _: r["ap"].update(medium=0.9)))
    assert run.counts(RESULT) is not None


@pytest.mark.parametrize("file", ["detections.npz", "counts.npz", "stages.npz"])
def test_arrays_of_another_run_are_refused(tmp_path, file):
    run = make_run(tmp_path / "run")
    other = make_run(tmp_path / "other", hits=np.arange(N) > 5, shift=1.0, ids=(RESULT, "x"))
    (run.folder / file).write_bytes((other.folder / file).read_bytes() + b" ")
    with pytest.raises(RecordError, match=rf"cannot read .*{file}: its SHA-256 is"):
        {"d": run.detections, "c": run.counts, "s": run.stages}[file[0]](RESULT)


def test_rounding_is_no_contradiction():
    counts = counts_of(np.arange(N) > 5)
    ap = {split: value + AP_SLACK / 2 for split, value in average_precision(counts).items()}
    assert ap_contradiction(Result(id=RESULT, ap=ap), counts) is None
    assert ap_contradiction(Result(id=RESULT), counts) is None
    assert max(map(abs, ap_offsets(ap, counts).values())) == pytest.approx(AP_SLACK / 2)

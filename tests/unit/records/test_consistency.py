"""A record that contradicts itself is refused, and the field is named."""

import json

import numpy as np
import pytest

from retinaface.checks.speed.timing import summarise
from retinaface.cli import main
from retinaface.errors import RecordError
from retinaface.records.consistency import AP_SLACK, ap_contradiction, ap_offsets, contradictions
from retinaface.records.read import Run, read_run
from retinaface.records.schema import Result
from retinaface.records.write import images_sha256
from retinaface.widerface.average_precision import average_precision
from tests.support.made.records import IMAGES, RESULT, N, counts_of, entry, fidelity, make_run
from tests.support.made.traced_records import make_traced_run, write_model

FACTS = {
    "engine": {"name": "ort-cpu-fp32", "precision": "fp32", "device": "cpu"},
    "pipeline": "igie",
    "batch": 32,
    "speed": {"network": {**summarise([0.1, 0.2, 0.3, 0.2], 32), "p99_s": None}},
    "images_per_s_over": {"ort-cpu-fp32": [1.0, 1.1]},
    "share_of_peak": [0.5],
    "detect_s": 2.0,
    "n_images": N,
    "n_detections": 6 * N,
    "image_files_sha256": images_sha256(dict.fromkeys(IMAGES, "0" * 64)),
    "fidelity": [fidelity(0.25) | {"margin": 0.75}, fidelity("nan") | {"margin": "nan"}],
    "differences": {"n": 1, "n_all": 4, "share": 0.25, "allowed": 0.5},
    "checks": [
        {
            "name": "AP easy",
            "verdict": "PASS",
            "message": "",
            "numbers": {},
            "value": 80.5,
            "baseline": 80.0,
            "limit": 0.6,
            "margin": 0.1,
        }
    ],
}
TESTS = [entry("s.py::test_a"), entry("s.py::test_b", "INCONCLUSIVE"), entry("c", "SKIPPED")]
COVERAGE = {"suites": {"s": {"PASS": 1, "INCONCLUSIVE": 1, "SKIPPED": 1}}, "images": {RESULT: N}}


@pytest.fixture
def record(tmp_path):
    """The folder of a record of every kind of figure."""
    hashes = dict.fromkeys(IMAGES, "0" * 64)
    make_run(tmp_path / "run", result=FACTS, image_sha256=hashes, tests=TESTS, coverage=COVERAGE)
    return tmp_path / "run"


def changed(folder, change):
    """Change the first result of a record in its file."""
    path = folder / "record.json"
    record = json.loads(path.read_text())
    change(record["results"][0], record)
    path.write_text(json.dumps(record))
    return folder


def speed(**changes):
    return lambda result, _: result["speed"]["network"].update(changes)


def figures(**changes):
    return lambda result, _: result.update(changes)


def test_a_record_that_agrees_with_itself_is_read(record):
    run = read_run(record)
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
        (figures(precision="fp16"), "precision: got 'fp16', expected 'fp32'"),
        (lambda r, _: r["engine"].update(precision="int8"), "engine/precision: got 'int8'"),
        (figures(id="ort-cpu-fp16--igie--b32"), "engine/name: got 'ort-cpu-fp32'"),
        (figures(id="ort-cpu-fp32--ixrt--b32"), "pipeline: got 'igie', expected 'ixrt'"),
        (speed(samples_s=[0.1, 0.2, 0.3, 0.0]), "samples_s: got 0.0, expected a number above"),
        (speed(samples_s=[0.1, "inf"]), "speed/network/samples_s: got inf"),
        (speed(samples_s=[0.1, -0.2]), "speed/network/samples_s: got -0.2"),
        (speed(median_s=0.19), "median_s: got 0.19, expected 0.2, that of samples_s"),
        (speed(p90_s=0.2), "p90_s: got 0.2, expected 0.27, that of samples_s"),
        (speed(p99_s=0.5), "p99_s: got 0.5, expected 0.297, that of samples_s"),
        (speed(p90_s="nan"), "p90_s: got nan, expected a number above 0"),
        (speed(images_per_s=170.0), "images_per_s: got 170, which at a median of 0.2 s is 34"),
        (speed(images_per_s=167.0), "is 33.4 images a call, expected 32"),
        (figures(images_per_s_over={"x": [1.0, 0]}), "images_per_s_over/x: got 0"),
        (figures(images_per_s_over={"x": ["nan"]}), "images_per_s_over/x: got nan"),
        (
            lambda r, _: r["speed"].update({"end-to-end": {"median_s": 1, "images_per_s": 6.5}}),
            "end-to-end/images_per_s: got 6.5, .* expected a whole number",
        ),
        (figures(share_of_peak=["inf"]), "share_of_peak: got inf, expected a number above 0"),
        (lambda r, _: r["ap"].update(easy=1.2), "ap/easy: got 1.2, expected a fraction"),
        (lambda r, _: r["ap"].update(hard="nan"), "ap/hard: got nan, expected a fraction"),
        (lambda r, _: r["ap"].update(hard=0.999), "ap/hard: got 0.999000, expected 1.000000"),
        (lambda r, _: r["ap"].pop("medium"), "ap/medium: got nan, expected 1.000000"),
        (figures(n_images=N - 1), f"n_images: got {N - 1}, coverage says {N}"),
        (figures(n_detections=-1), "n_detections: got -1, expected 0 or more"),
        (figures(n_detections=7), f"n_detections: got 7, the arrays beside it {6 * N}"),
        (figures(image_files_sha256="1" * 64), "image_files_sha256: got '1+', the arrays beside"),
        (lambda r, _: r["fidelity"][0].update(ratio=0.2), "margin: got 0.75, expected 1 - ratio"),
        (lambda r, _: r["fidelity"][0].update(max_abs=-1), "loc/max_abs: got -1"),
        (lambda r, _: r["differences"].update(share=0.1), "differences/share: got 0.1, expected"),
        (lambda r, _: r["checks"][0].update(value=80.0), "AP easy/margin: got 0.1, expected 0.6"),
        (lambda r, _: r["checks"][0].update(limit=9), "AP easy/margin: got 0.1, expected 8.5"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_with_the_field(record, change, message):
    with pytest.raises(RecordError, match=message) as caught:
        read_run(changed(record, change))
    assert "record.json contradicts itself at results" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(verdict="PASS"), "at verdict: got PASS, the tests say INCONCLUSIVE"),
        (lambda r: r.update(problem="cut off"), "at verdict: got INCONCLUSIVE, the tests say FAIL"),
        (
            lambda r: r["tests"][0]["checks"][0].update(verdict="FAIL"),
            "at tests/s.py::test_a/verdict: got PASS, its checks say FAIL",
        ),
        (lambda r: r["tests"].pop(1), "at tests: got 2, coverage/suites counts 3"),
        (
            lambda r: r["coverage"]["images"].update({RESULT: 3226}),
            f"n_images: got {N}, coverage says 3226",
        ),
        (lambda r: r["coverage"].update(n_images=3226), "coverage says 3226"),
        (lambda r: r.update(ap={"easy": 0.5}), "at ap: got {'easy': 0.5}, expected that of"),
    ],
)
def test_what_a_run_says_of_itself_agrees_with_its_parts(record, change, message):
    with pytest.raises(RecordError, match=message):
        read_run(changed(record, lambda _, whole: change(whole)))


@pytest.mark.parametrize("value", ["fast", None, [0.1], {}])
@pytest.mark.parametrize("field", ["samples_s", "median_s"])
def test_what_is_no_time_is_refused_with_its_place(record, field, value):
    if field == "median_s" and value is None:
        value = True
    change = speed(**{field: [value] if field == "samples_s" else value})
    with pytest.raises(RecordError, match=rf"malformed: .*results\[0\]\.speed.*{field}"):
        read_run(changed(record, change))


def test_a_result_whose_arrays_are_those_of_another_id_is_refused(record):
    def rename(result, whole):
        result["id"] = RESULT.replace("igie", "ixrt")
        result["pipeline"] = "ixrt"
        whole["coverage"]["images"] = {}

    with pytest.raises(RecordError, match="keeps counts, but none of this id, which has AP"):
        read_run(changed(record, rename))


def test_a_manifest_of_another_file_and_a_kept_file_of_another_content_are_refused(tmp_path):
    run = make_traced_run(tmp_path / "run", model=write_model(tmp_path, "m", exported=56))
    kept = run.model(RESULT)
    kept.write_bytes(b"edited")
    with pytest.raises(RecordError, match="expected .* as in results/.*/model of the record"):
        run.model(RESULT)

    def exchange(result, _):
        result["model"]["manifest"]["sha256"] = "1" * 64

    with pytest.raises(RecordError, match="model/manifest/sha256: got '1+', expected"):
        read_run(changed(run.folder, exchange))


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("compare", ["run"]),
        ("compare", ["run", "--attribute"]),
        ("report", ["--output", "r.html"]),
        ("runs", []),
        ("engines", []),
    ],
)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda r, _: r["ap"].update(easy=0.9), "/ap/easy: got 0.900000, expected 1.000000"),
        (speed(median_s=0), "/speed/network/median_s: got 0.0, expected a number above 0"),
        (figures(batch=8), "/batch: got 8, expected 32"),
    ],
    ids=["ap", "time", "batch"],
)
def test_every_command_that_reads_records_refuses_it(
    record, monkeypatch, capsys, command, more, change, field
):
    monkeypatch.chdir(record.parent)
    changed(record, change)
    with pytest.raises(SystemExit) as end:
        main([command, "run", *more])
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert f"contradicts itself at results/{RESULT}{field}" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("commit", [None, "0" * 40, "0" * 40 + "+dirty"])
def test_ap_that_is_not_that_of_the_counts_is_refused(tmp_path, commit):
    make_run(tmp_path / "run", commit=commit)
    changed(tmp_path / "run", lambda r, _: r["ap"].update(medium=0.9))
    with pytest.raises(RecordError, match=f"results/{RESULT}/ap/medium: got 0.900000, expected 1"):
        read_run(tmp_path / "run")


def test_ap_of_another_release_is_for_an_attribution_to_judge(tmp_path):
    make_run(tmp_path / "run", retinaface="0.0.1")
    run = read_run(changed(tmp_path / "run", lambda r, _: r["ap"].update(medium=0.9)))
    assert run.counts(RESULT) is not None


@pytest.mark.parametrize("file", ["detections.npz", "counts.npz", "stages.npz"])
def test_arrays_of_another_run_are_refused(tmp_path, file):
    run = make_run(tmp_path / "run")
    other = make_run(tmp_path / "other", hits=np.arange(N) > 5, shift=1.0, ids=(RESULT, "x"))
    (run.folder / file).write_bytes((other.folder / file).read_bytes() + b" ")
    again = Run(run.folder, "again", run.record)
    with pytest.raises(RecordError, match=rf"cannot read .*{file}: its SHA-256 is"):
        {"d": again.detections, "c": again.counts, "s": again.stages}[file[0]](RESULT)
    if file != "stages.npz":  # which is read by an attribution alone
        with pytest.raises(RecordError, match=rf"cannot read .*{file}: its SHA-256 is"):
            read_run(run.folder)


def test_rounding_is_no_contradiction():
    counts = counts_of(np.arange(N) > 5)
    ap = {split: value + AP_SLACK / 2 for split, value in average_precision(counts).items()}
    assert ap_contradiction(Result(id=RESULT, ap=ap), counts) is None
    assert ap_contradiction(Result(id=RESULT), counts) is None
    assert max(map(abs, ap_offsets(ap, counts).values())) == pytest.approx(AP_SLACK / 2)

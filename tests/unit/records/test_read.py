import json

import numpy as np
import pytest

from retinaface.errors import RecordError
from retinaface.export.manifest import Steps, read_manifest
from retinaface.records.read import read_run
from retinaface.records.write import Kept, new_record, write_record
from retinaface.widerface.average_precision import Counts
from tests.support.made.records import detections, traced
from tests.support.made.traced_records import make_traced_run, write_model

RESULT = "engine--igie--b1"
IMAGES = ("e/a", "e/b")
SHA256 = {"e/a": "1" * 64, "e/b": "2" * 64}
COUNTS = Counts(
    np.ones((2, 3), np.int32),
    np.int32([0, 0, 1]),
    np.int16([1, 2, 3]),
    np.ones((3, 3), bool),
    np.zeros((3, 3), bool),
)


def write_run(folder, *, counts=COUNTS, model=None, result=(), **data):
    folder.mkdir(parents=True, exist_ok=True)
    found = {"e/a": detections(2, 0), "e/b": detections(1, 5)}
    kept = Kept(found, counts, IMAGES, SHA256, traced(), model)
    results = [{"id": RESULT, **dict(result)}]
    record = new_record() | {"state": "finished", "verdict": "PASS", "tests": []} | data
    write_record(folder, record | {"results": results}, {RESULT: kept})
    return folder


def test_what_is_written_is_read(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"graph")
    run = read_run(write_run(tmp_path / "run", model=model))
    assert (run.name, run.verdict) == ("run", "PASS")
    assert list(run.results) == [RESULT]
    found = run.detections(RESULT)
    assert list(found) == ["e/a", "e/b"]
    assert np.array_equal(found["e/b"].scores, np.float32([5]))
    images, counts = run.counts(RESULT)
    assert images == IMAGES
    assert run.image_sha256(RESULT) == SHA256
    for name in ("n_faces", "image_index", "threshold_index", "is_proposal", "is_hit"):
        assert np.array_equal(getattr(counts, name), getattr(COUNTS, name))
    assert [one.image for one in run.stages(RESULT)] == ["e/0", "e/1"]
    assert run.model(RESULT).read_bytes() == b"graph"


def test_what_was_not_kept_is_absent_not_an_error(tmp_path):
    run = read_run(write_run(tmp_path / "run", counts=None))
    assert run.counts(RESULT) is None
    assert run.image_sha256(RESULT) == {}
    assert run.model(RESULT) is None
    (tmp_path / "run" / "stages.npz").unlink()
    with pytest.raises(RecordError, match="it is not there"):
        run.stages(RESULT)


def test_a_record_of_version_1_is_read(tmp_path):
    folder = write_run(tmp_path / "old")
    path = folder / "record.json"
    record = json.loads(path.read_text())
    for name in ("state", "verdict", "tests", "arrays"):  # as `evaluate` wrote them
        del record[name]
    for name in ("cpu_flags", "threads", "clocks", "libc", "memory_mib", "accelerators"):
        record["environment"].pop(name, None)
    for result in record["results"]:
        del result["traced"]
    path.write_text(json.dumps(record | {"schema_version": 1}))
    for name in ("counts.npz", "stages.npz"):
        (folder / name).unlink()
    run = read_run(folder)
    assert run.verdict is None
    assert run.stages(RESULT) == []
    assert list(run.detections(RESULT)) == ["e/a", "e/b"]


def test_a_manifest_of_an_earlier_release_is_read(tmp_path):
    """It told of no layers and no steps."""
    model = write_model(tmp_path, "model", exported=56)
    run = make_traced_run(tmp_path / "run", model=model)
    kept = run.record.results[0].model
    assert kept.manifest == read_manifest(model)
    assert kept.manifest.steps.exported.operators == {"Conv": 56}
    path = run.folder / "record.json"
    record = json.loads(path.read_text())
    for name in ("layers", "steps", "manifest_version"):
        del record["results"][0]["model"]["manifest"][name]
    path.write_text(json.dumps(record | {"schema_version": 2}))
    found = read_run(run.folder).record.results[0].model.manifest
    assert (found.versions, found.steps) == (kept.manifest.versions, Steps())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(schema_version=4), "schema version 4, this release reads 1 to 3"),
        (
            lambda r: r.update(verdict="GOOD"),
            r"value 'GOOD' - at `\$.verdict`",
        ),
        (lambda r: r.pop("environment"), "missing required field `environment`"),
        (
            lambda r: r["results"][0].update(batch=0),
            r"`int` >= 1 - at `\$.results\[0\].batch`",
        ),
    ],
    ids=["version", "verdict", "absent", "batch"],
)
def test_a_malformed_record_is_refused_with_the_place(tmp_path, change, message):
    path = write_run(tmp_path) / "record.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(RecordError, match=message):
        read_run(tmp_path)


def test_a_damaged_array_is_an_error_that_names_the_file(tmp_path):
    folder = write_run(tmp_path / "run")
    path = folder / "detections.npz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(RecordError, match=r"cannot read .*detections.npz"):
        read_run(folder).detections(RESULT)


def test_no_record_is_an_error_with_the_next_step(tmp_path):
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(RecordError, match=r"cannot read a run record from .*--record"):
        read_run(tmp_path)


def test_a_record_that_a_link_takes_out_of_its_folder_is_refused_unread(tmp_path):
    (tmp_path / "secret").write_text("secret words")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/record.json").symlink_to(tmp_path / "secret")
    with pytest.raises(RecordError, match=r"record\.json: a link leads out of") as caught:
        read_run(tmp_path / "run")
    assert "secret words" not in str(caught.value)

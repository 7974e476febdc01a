"""Run records and the arrays beside them, sessions of `ab`, histories and accepted baselines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.fuzz.target import Target
from tests.fuzz.targets.commands import command


def _make_runs(folder: Path) -> None:
    """Write two records; the first says nothing of the hashes of its arrays."""
    from tests.support.made.records import entry, fidelity, make_run
    from tests.support.made.traced_records import make_traced_run

    tests = [entry("s.py::kept"), entry("s.py::skip", "SKIPPED", "needs cuda")]
    make_run(folder / "a", tests=tests, result={"fidelity": [fidelity(0.5)]})
    make_run(folder / "b", tests=tests)
    make_traced_run(folder / "t", _grey_stages())
    for name in "abt":
        hashes = {} if name == "b" else {"arrays": {}}
        make_alike(folder / name / "record.json", **hashes)


def _grey_stages() -> list[Any]:
    """Trace grey images, whose arrays take little room."""
    import cv2
    import numpy as np

    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.spec import EngineSpec
    from tests.support.made.records import Constant, trace

    grey = cv2.imencode(".png", np.full((40, 60, 3), 90, np.uint8))[1].tobytes()
    engine = Constant(EngineSpec("constant-cpu-fp32", "fp32", "cpu"))
    return trace(engine, PIPELINES["igie"], {"e/0": grey, "e/1": grey})


def make_alike(path: Path, **more: object) -> None:
    """Write facts of no machine and no day into a record, so that inputs are the same anywhere."""
    content = json.loads(path.read_text())
    blank = {str: "any", int: 1, list: [], dict: {}}
    facts = {k: blank.get(type(v)) for k, v in content["environment"].items()}
    packages = {"retinaface": "0.1.0", "numpy": "2.4.6", "onnxruntime": "1.32.0"}
    content["environment"] = facts | {"python": "3.11.7", "packages": packages}
    content |= {"command": "validate", "created": "2026-01-01T00:00:00+00:00"}
    content |= {"commit": "0" * 40, "executable": "python"} | more
    path.write_text(json.dumps(content))


def _compare(folder: Path) -> None:
    command("compare", folder / "a", folder / "b", "--json", "-")
    command("compare", folder / "b", folder / "a")
    command("engines", folder / "a")
    command("runs", folder, "--json", "-")


def _make_older(folder: Path) -> list[bytes]:
    """Write a record as version 2 had it, with errors of raw outputs among the checks."""
    _make_runs(folder)
    path = folder / "a/record.json"
    content = json.loads(path.read_text())
    worst = {"case": "noise", "output": "conf", "max_abs": 1e-5, "floor_max": 1e-6}
    check = {"verdict": "FAIL", "message": "", "numbers": {"worst": worst, "ratio": 1.25}}
    checks = [check | {"name": f"ort-cpu-fp32{more}, batch 3"} for more in ("", " on x.onnx")]
    test = {"id": "s.py::t", "verdict": "FAIL", "reason": "", "seconds": 1.0, "checks": checks}
    for result in content["results"]:
        result.pop("fidelity", None)
    more = []
    for version in (1, 2):
        content |= {"schema_version": version, "tests": [test], "verdict": "FAIL"}
        more.append(json.dumps(content).encode())
    path.write_bytes(more[1])
    return more[:1]


def _compare_older(folder: Path) -> None:
    command("compare", folder / "a", folder / "b", "--json", "-")


def _compare_arrays(folder: Path) -> None:
    command("compare", folder / "a", folder / "b", "--attribute", "--json", "-")


def _compare_traced(folder: Path) -> None:
    command("compare", folder / "t", folder / "t", "--attribute", "--json", "-")


def _report(folder: Path) -> None:
    from shutil import rmtree

    output = folder / "out"
    rmtree(output, ignore_errors=True)
    output.mkdir()
    command("report", folder / "a", folder / "b", "--output", output / "r.html")


def _make_history(folder: Path) -> None:
    from tests.support.histories import write_history

    for i, run in enumerate(write_history(folder, [46.5, 46.5, 46.5, 45.0])):
        make_alike(run / "record.json", created=f"2026-01-0{i + 1}T00:00:00+00:00")


def _history(folder: Path) -> None:
    for words in (("history", folder, "--run", "run-0003"), ("history", folder, "--json", "-")):
        command(*words)
    _drop_index(folder)


def _drop_index(folder: Path) -> None:
    from retinaface.history.index import index_path

    index_path(folder).unlink(missing_ok=True)


def _make_index(folder: Path) -> None:
    from retinaface.history.index import index_path, read_history

    (folder / "runs").mkdir()
    _make_history(folder / "runs")
    read_history(folder / "runs")
    (folder / "index").write_bytes(index_path(folder / "runs").read_bytes())


def _history_by_index(folder: Path) -> None:
    from retinaface.history.index import index_path

    index_path(folder / "runs").write_bytes((folder / "index").read_bytes())
    command("history", folder / "runs", "--json", "-")


def _make_unavailable(folder: Path) -> None:
    _make_runs(folder)
    (folder / "u").mkdir()
    row = {"name": "a", "package": "p", "version": "1", "python": "3.11", "reason": "none"}
    (folder / "u/unavailable.json").write_text(json.dumps(row))


def _compare_unavailable(folder: Path) -> None:
    command("compare", folder / "a", folder / "b", folder / "u", "--json", "-")


def _make_session(folder: Path) -> None:
    from tests.support.sessions import make_session

    _make_runs(folder)
    (folder / "ab.json").write_text(json.dumps(make_session(ratio=1.02)))


def _compare_session(folder: Path) -> None:
    from retinaface.records.ab_session import read_sessions

    read_sessions([folder / "ab.json"])
    command("compare", folder / "a", folder / "b", "--ab", folder / "ab.json", "--json", "-")


def _make_baseline(folder: Path) -> None:
    from retinaface.baselines.detections_file import write_detections
    from retinaface.baselines.entries import write_baseline
    from retinaface.storage.hashing import file_sha256
    from tests.support.made.ap_baseline import usual
    from tests.support.made.baselines import accuracy, timing

    place = folder / "cpu"
    place.mkdir()
    write_detections(place / "d.npz", usual())
    stored = {"file": "d.npz", "sha256": file_sha256(place / "d.npz")}
    entry = accuracy(detections=stored, n_images=len(usual()))
    write_baseline(place / "ort.json", [entry, timing()])


def _load_baselines(folder: Path) -> None:
    from retinaface.baselines.entries import KEYS, load_baselines

    for entry in load_baselines(folder):
        str(entry)
        entry.differing({name: entry.data.get(name) for name in KEYS[entry.data["metric"]]})
        entry.is_from("onnxruntime 1.31.1")


def _seal(data: bytes) -> bytes:
    """Hash an edited baseline again."""
    from retinaface.baselines.entries import content_sha256

    content = json.loads(data)
    content["content_sha256"] = content_sha256(content)
    return json.dumps(content).encode()


def _explain_ap(folder: Path) -> None:
    from retinaface.baselines.entries import Entry
    from retinaface.checks.ap_changes import compare_with_entry, explain_ap
    from tests.support.made.ap_baseline import truth_of, usual
    from tests.support.made.baselines import accuracy

    stored = {"file": "d.npz", "sha256": "0" * 64}
    entry = Entry(accuracy(detections=stored, n_images=len(usual())), folder / "cpu/ort.json")
    explain_ap(compare_with_entry(entry, usual(), truth_of()))


TARGETS = (
    Target("record.json", "json", "a/record.json", _make_runs, _compare),
    Target("record.older", "json", "a/record.json", _make_older, _compare_older),
    Target("record.report", "json", "a/record.json", _make_runs, _report, cost=4),
    Target("record.counts", "npz", "a/counts.npz", _make_runs, _compare_arrays),
    Target("record.detections", "npz", "a/detections.npz", _make_runs, _compare_arrays),
    Target("record.stages", "npz", "t/stages.npz", _make_runs, _compare_traced, cost=4),
    Target(
        "record.unavailable", "json", "u/unavailable.json", _make_unavailable, _compare_unavailable
    ),
    Target("history.record", "json", "run-0003/record.json", _make_history, _history),
    Target("history.index", "bytes", "index", _make_index, _history_by_index),
    Target("ab.session", "json", "ab.json", _make_session, _compare_session),
    Target("baseline.json", "json", "cpu/ort.json", _make_baseline, _load_baselines, _seal),
    Target("baseline.detections", "npz", "cpu/d.npz", _make_baseline, _explain_ap),
)

"""Fresh inference without any fault, 20 times over: no comparison with the baseline turns red."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinaface.baselines.entries import find_entries, load_baselines
from retinaface.checks.accuracy import check_ap, check_detections, check_shifts
from retinaface.checks.ap_changes import compare_with_entry
from retinaface.detection.pipelines import PIPELINES
from retinaface.embedded import embedded_root
from retinaface.engines.opening import open_engine
from retinaface.records.write import images_sha256
from retinaface.verdicts import Verdict
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import evaluate

BASELINES = Path(__file__).resolve().parents[2] / "baselines"
# Engine, pipeline, batch, threads of the runtime, threads that prepare images.
SETTINGS = [
    (engine, pipeline, batch, threads, workers)
    for engine, pipeline in (
        ("ort-cpu-fp32", "igie"),
        ("ort-cpu-fp32", "ixrt"),
        ("ort-cpu-fp16", "igie"),
        ("ort-cpu-fp16", "ixrt"),
    )
    for batch, threads, workers in ((1, 1, 1), (3, 2, 2), (8, 1, 2), (31, 2, 1), (32, 2, 3))
]


@pytest.fixture(scope="module")
def dataset():
    return open_widerface(embedded_root())


@pytest.mark.accuracy
@pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: "-".join(map(str, s)))
def test_a_healthy_engine_agrees_with_its_baseline(setting, dataset):
    engine_name, pipeline_name, batch, threads, workers = setting
    truth = dataset.select()
    with open_engine(engine_name, weights="embedded", threads=threads, max_batch=batch) as engine:
        result = evaluate(
            engine, PIPELINES[pipeline_name], dataset, truth, batch_size=batch, workers=workers
        )
        precision = engine.spec.precision
    key = {
        "pipeline": pipeline_name,
        "precision": precision,
        "n_images": len(truth.images),
        "images_sha256": images_sha256(result.image_sha256),
    }
    found = find_entries(load_baselines(BASELINES), "accuracy", key, strict=False)
    entry = next(entry for entry in found.comparable if not entry.is_published)
    comparison = compare_with_entry(entry, result.detections, truth)
    checks = [
        *check_ap(entry, comparison),
        *check_detections(entry, comparison, precision),
        *check_shifts(comparison, precision),
    ]
    assert len(SETTINGS) == 20
    assert [str(c) for c in checks if c.verdict is not Verdict.PASS] == []

"""Detections and AP on real images equal those of the vendor's and upstream's own code."""

from __future__ import annotations

import pytest

from benchmarks import plain
from retinaface.detection.detections import Detections
from retinaface.detection.detector import detect
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.opening import open_engine
from retinaface.widerface.average_precision import average_precision, count_set
from retinaface.widerface.dataset import default_root, open_widerface
from retinaface.widerface.ground_truth import load_ground_truth
from retinaface.widerface.predictions import official_form, read_predictions
from retinaface.widerface.scoring import score_predictions
from tests.support.golden import golden_file, unmatched_share

pytestmark = [
    pytest.mark.accuracy,
    pytest.mark.needs("checkpoint", "widerface", "golden"),
    pytest.mark.filterwarnings("default"),  # exporters and runtimes warn by nature
]

# Share of detections without a counterpart. FP32 differs in last bits alone (another OpenCV,
# runtime or thread count); FP16 rounds weights and activations to 11 bits.
FP32_UNMATCHED = 0.0002
FP16_UNMATCHED = 0.005
# Full-set AP of FP16 lies within 0.03 points of FP32; an eighth of the images varies about three
# times as much.
AP_TOLERANCE = {"fp32": 0.0002, "fp16": 0.005}
PUBLISHED_AP = {"easy": 0.9070, "medium": 0.8816, "hard": 0.7382}
PUBLISHED_TOLERANCE = 0.0002


@pytest.fixture(scope="module")
def dataset():
    return open_widerface(default_root())


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Export each variant once."""
    from retinaface.export.exporter import export
    from retinaface.export.options import ExportOptions
    from retinaface.network.checkpoint import load_model

    folder, made = tmp_path_factory.mktemp("exported"), {}

    def get(**options):
        key = "-".join(f"{k}={v}" for k, v in sorted(options.items()))
        if key not in made:
            made[key] = folder / f"{key}.onnx"
            export(load_model(), ExportOptions(**options), made[key])
        return made[key]

    return get


def check(engine, pipeline, dataset, *, max_unmatched, ap_tolerance, batch=None, workers=None):
    golden = read_predictions(golden_file(f"{pipeline.name}-fp32-subset.zip"))
    truth = dataset.select("every-8")
    ours = {}
    with engine:
        stream = detect(
            engine,
            pipeline,
            truth.images,
            dataset.read_bytes,
            batch_size=batch,
            workers=workers,
        )
        for image, found in stream:
            assert isinstance(found, Detections)
            ours[image] = official_form(found.boxes_xyxy, found.scores)
    n_unmatched, n_compared = unmatched_share(golden, ours)
    assert n_compared > 40_000
    assert n_unmatched <= max_unmatched * n_compared, (
        f"{n_unmatched} of {n_compared} detections ({n_unmatched / n_compared:.4%}) have no "
        f"counterpart, allowed {max_unmatched:.2%}"
    )
    theirs = average_precision(count_set(golden, truth))
    for split, ap in average_precision(count_set(ours, truth)).items():
        assert abs(ap - theirs[split]) <= ap_tolerance, f"{split}: {ap} but golden {theirs[split]}"


@pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
@pytest.mark.parametrize(
    ("exporter", "simplify", "pipeline"),
    [
        pytest.param(exporter, simplify, pipeline, id=f"{exporter}-{kind}-{pipeline}")
        for exporter, simplify, kind, pipelines in (
            ("torchscript", True, "simplified", ("igie", "ixrt", "upstream-320")),
            ("torchscript", False, "raw", ("igie",)),
            ("dynamo", True, "simplified", ("igie", "upstream-320")),
            ("dynamo", False, "raw", ("igie",)),
        )
        for pipeline in pipelines
    ],
)
def test_onnxruntime_fp32_agrees_with_the_goldens(exporter, simplify, pipeline, dataset, exported):
    recipe = PIPELINES[pipeline]
    dynamic = recipe.input_size_px is None
    model = exported(exporter=exporter, simplify=simplify, dynamic_size=dynamic)
    engine = open_engine("ort-cpu-fp32", model=model, input_size_px=recipe.input_size_px)
    check(
        engine,
        recipe,
        dataset,
        max_unmatched=FP32_UNMATCHED,
        ap_tolerance=AP_TOLERANCE["fp32"],
    )


@pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
@pytest.mark.parametrize(("batch", "workers"), [(1, 1), (5, 3), (64, 2)])
def test_batch_and_workers_change_nothing(batch, workers, dataset, exported):
    model = exported(exporter="torchscript", simplify=True, dynamic_size=False)
    check(
        open_engine("ort-cpu-fp32", model=model, max_batch=batch, shares_cpus=True),
        PIPELINES["igie"],
        dataset,
        max_unmatched=FP32_UNMATCHED,
        ap_tolerance=AP_TOLERANCE["fp32"],
        batch=batch,
        workers=workers,
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ort-cpu-fp16", marks=pytest.mark.needs("torch", "onnx", "onnxruntime")),
        pytest.param("torch-cpu-fp16", marks=pytest.mark.needs("torch")),
    ],
)
def test_fp16_agrees_with_the_goldens_up_to_rounding(name, dataset):
    check(
        open_engine(name),
        PIPELINES["igie"],
        dataset,
        max_unmatched=FP16_UNMATCHED,
        ap_tolerance=AP_TOLERANCE["fp16"],
    )


@pytest.mark.needs("torch", "onnx", "onnxruntime")
def test_the_plain_way_of_the_benchmarks_agrees_with_the_goldens(dataset, tmp_path):
    truth = dataset.select("every-8")
    with open_engine("ort-cpu-fp32") as engine:
        plain.detect(engine, truth.images, dataset.read_bytes, tmp_path, plain.Stopwatch())
    found = plain.read(tmp_path, truth.images)
    golden = read_predictions(golden_file("igie-fp32-subset.zip"))
    n_unmatched, n_compared = unmatched_share(golden, found)
    assert n_unmatched <= FP32_UNMATCHED * n_compared
    expected = average_precision(count_set(golden, truth))
    assert plain.evaluate(found, truth) == pytest.approx(expected, abs=AP_TOLERANCE["fp32"])


def test_scoring_gives_the_published_ap():
    truth, _ = load_ground_truth(default_root())
    name = "published-mobilenet0.25-original-scale-full.zip"
    score = score_predictions(read_predictions(golden_file(name)), truth)
    assert score.missing == []
    for split, ap in score.ap.items():
        assert abs(ap - PUBLISHED_AP[split]) <= PUBLISHED_TOLERANCE

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
from retinaface.widerface.ground_truth_files import load_ground_truth
from retinaface.widerface.predictions import official_form
from retinaface.widerface.reading.predictions import read_predictions
from retinaface.widerface.scoring import score_files
from tests.support.golden import golden_file, unmatched_share

pytestmark = [
    pytest.mark.accuracy,
    pytest.mark.needs("checkpoint", "widerface", "golden"),
    pytest.mark.filterwarnings("default"),  # exporters and runtimes warn by nature
]

# Share of detections without a counterpart. FP32 differs in last bits alone (another OpenCV,
# runtime or thread count); FP16 rounds weights and activations to 11 bits.
UNMATCHED = {"fp32": 0.0002, "fp16": 0.005}
# Full-set AP of FP16 lies within 0.03 points of FP32; an eighth of the images varies about three
# times as much.
AP_TOLERANCE = {"fp32": 0.0002, "fp16": 0.005}
# A pipeline is compared over every image once. Variations (another exporter, another batch size, a
# slow emulator) are compared over every fourth: 109 images, some 11 000 detections.
EVERY = 4
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


def check(engine, pipeline, dataset, precision, *, every=1, batch=None, workers=None):
    zipped = golden_file(f"{pipeline.name}-fp32-subset.zip")
    golden = read_predictions(zipped, dataset.truth.images).predictions
    truth = dataset.select("every-8")
    truth = truth.select(truth.images[::every])
    golden = {image: golden[image] for image in truth.images}
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
    assert n_compared > 40_000 / every
    assert n_unmatched <= UNMATCHED[precision] * n_compared, (
        f"{n_unmatched} of {n_compared} detections ({n_unmatched / n_compared:.4%}) have no "
        f"counterpart, allowed {UNMATCHED[precision]:.2%}"
    )
    theirs = average_precision(count_set(golden, truth))
    for split, ap in average_precision(count_set(ours, truth)).items():
        # One detection weighs the more, the fewer images there are.
        assert abs(ap - theirs[split]) <= every * AP_TOLERANCE[precision], (
            f"{split}: {ap} but golden {theirs[split]}"
        )


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
    is_default = exporter == "torchscript" and simplify
    check(engine, recipe, dataset, "fp32", every=1 if is_default else EVERY)


@pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
@pytest.mark.parametrize(("batch", "workers"), [(1, 1), (5, 3), (64, 2)])
def test_batch_and_workers_change_nothing(batch, workers, dataset, exported):
    model = exported(exporter="torchscript", simplify=True, dynamic_size=False)
    check(
        open_engine("ort-cpu-fp32", model=model, max_batch=batch, shares_cpus=True),
        PIPELINES["igie"],
        dataset,
        "fp32",
        every=EVERY,
        batch=batch,
        workers=workers,
    )


@pytest.mark.parametrize(
    ("name", "every"),
    [
        pytest.param(
            "ort-cpu-fp16", 1, marks=pytest.mark.needs("torch", "onnx", "onnxruntime"), id="ort"
        ),
        pytest.param("torch-cpu-fp16", EVERY, marks=pytest.mark.needs("torch"), id="torch"),
    ],
)
def test_fp16_agrees_with_the_goldens_up_to_rounding(name, every, dataset):
    check(open_engine(name), PIPELINES["igie"], dataset, "fp16", every=every)


@pytest.mark.needs("torch", "onnx", "onnxruntime")
def test_the_plain_detector_of_the_benchmarks_agrees_with_the_goldens(dataset, tmp_path):
    truth = dataset.select("every-8")
    with open_engine("ort-cpu-fp32") as engine:
        plain.detect(engine, truth.images, dataset.read_bytes, tmp_path, plain.Stopwatch())
    found = plain.read(tmp_path, truth.images)
    zipped = golden_file("igie-fp32-subset.zip")
    golden = read_predictions(zipped, dataset.truth.images).predictions
    n_unmatched, n_compared = unmatched_share(golden, found)
    assert n_unmatched <= UNMATCHED["fp32"] * n_compared
    expected = average_precision(count_set(golden, truth))
    assert plain.evaluate(found, truth) == pytest.approx(expected, abs=AP_TOLERANCE["fp32"])


def test_scoring_gives_the_published_ap():
    truth, _ = load_ground_truth(default_root())
    name = "published-mobilenet0.25-original-scale-full.zip"
    score = score_files(golden_file(name), truth)
    assert score.missing == []
    for split, ap in score.ap.items():
        assert abs(ap - PUBLISHED_AP[split]) <= PUBLISHED_TOLERANCE

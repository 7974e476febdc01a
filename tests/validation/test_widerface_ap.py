"""WIDER FACE AP and detections of an engine, compared with the baseline of its pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from retinaface.baselines.entries import find_entries
from retinaface.checks.accuracy import (
    accuracy_entry,
    changed_images,
    check_ap,
    check_detections,
    check_published,
    check_shifts,
)
from retinaface.checks.ap_changes import compare_with_entry, count_detections
from retinaface.checks.image_list import check_list, check_splits, comparable_parts
from retinaface.detection.pipelines import PIPELINES
from retinaface.embedded import embedded_truth_sha256
from retinaface.environment import result_device
from retinaface.network.weights import embedded_weights
from retinaface.records.result_id import ResultId
from retinaface.records.write import images_sha256
from retinaface.suite.baseline_search import BaselineQuery, find_or_offer
from retinaface.verdicts import Check, Verdict
from retinaface.widerface.average_precision import average_precision
from retinaface.widerface.scoring import scored_selection

pytestmark = [
    pytest.mark.answers("ap"),
    pytest.mark.accuracy,
    pytest.mark.needs("images", "scorable"),
]
UNGATED = "INT8 has no baseline on this device, and needs none: it is judged by budgets"
# A report shows as many.
N_CHANGED = 6


def run_key(target, measured, pipeline_name, images):
    """List what a baseline must have in common with this result."""
    engine = measured.engine
    return {
        "pipeline": pipeline_name,
        "precision": engine["precision"],
        "device": result_device(engine),
        "n_images": len(images),
        "images_sha256": images_sha256({i: measured.evaluation.image_sha256[i] for i in images}),
        "weights_sha256": weights_sha256(target),
    }


def weights_sha256(target):
    """Find the hash of the checkpoint that is judged; None where the files do not name it."""
    if target.has_embedded_weights:
        return embedded_weights().sha256
    if target.has_files and target.reference.weights is None:
        return None
    return target.weights.sha256


def result_id(engine_name, pipeline_name, evaluated):
    """Give the result that the tests of an engine and pipeline judge."""
    return str(ResultId(engine_name, pipeline_name, evaluated(engine_name, pipeline_name).batch))


@pytest.mark.quick
def test_every_image_is_run_by_this_engine(
    engine_name, pipeline_name, evaluated, dataset, target, gate
):
    measured = evaluated(engine_name, pipeline_name)
    evaluation = measured.evaluation
    wanted = dataset.select(target.subset).images
    lost = [image for image in wanted if image not in evaluation.detections]
    listed = dataset.listed if target.subset is None else wanted
    bad = "".join(f"\n  {m}" for m in list(evaluation.bad_images.values())[:20])
    gate(
        _same("images of the run", len(lost), 0, f"not run: {', '.join(lost[:20])}{bad}"),
        _same("images of the selection", len(wanted), len(listed), "the selection lost images"),
        _same(
            "images that are scored",
            len(set(wanted) ^ set(evaluation.images)),
            0,
            "the scored images are not those of the run",
        ),
        _same(
            "images through the engine",
            measured.n_inferred,
            len(wanted) - len(evaluation.bad_images),
            "the detections did not all come from this engine in this run",
        ),
        _finite(evaluation),
    )


def _same(name, found, expected, otherwise):
    verdict = Verdict.PASS if found == expected else Verdict.FAIL
    text = f"{found}, expected {expected}" + ("" if found == expected else f"; {otherwise}")
    return Check(name, verdict, text, {"found": found, "expected": expected})


def _finite(evaluation):
    bad = [
        image
        for image, d in evaluation.detections.items()
        if not all(np.isfinite(a).all() for a in (d.boxes_xyxy, d.scores, d.landmarks_xy))
    ]
    return _same("images with detections that are not finite", len(bad), 0, ", ".join(bad[:20]))


@pytest.fixture
def against(engine_name, pipeline_name, evaluated, target, acceptance, dataset):
    """Compare with the baseline of this engine and pipeline, or give a check that says why not."""
    measured = evaluated(engine_name, pipeline_name)
    truth = dataset.select(target.subset)
    if (others := check_splits("baseline", truth)) is not None:
        return None, None, others
    chosen = comparable_parts(truth)
    detections = measured.evaluation.detections
    found = find_or_offer(
        BaselineQuery(
            name="baseline",
            what=f"accuracy baseline of {pipeline_name} in {measured.engine['precision']}",
            metric="accuracy",
            keys=[run_key(target, measured, pipeline_name, s.images) for s in chosen],
            engine=measured.engine,
            make_entry=lambda _known: entry_of(measured, pipeline_name, target),
            detections=detections,
            is_usable=lambda entry: not entry.is_published,
            is_embedded=truth.sha256 == embedded_truth_sha256(),
            instead=check_list("baseline", truth),
            ungated=UNGATED if measured.engine["precision"] == "int8" else "",
        ),
        acceptance,
    )
    if isinstance(found, Check):
        return None, None, found
    return found.entry, compare_with_entry(found.entry, detections, chosen[found.i_key]), None


def entry_of(measured, pipeline_name, target):
    """Make a baseline entry of the result."""
    evaluation = measured.evaluation
    return accuracy_entry(
        pipeline=pipeline_name,
        precision=measured.engine["precision"],
        batch=measured.batch,
        ap=evaluation.ap,
        images_sha256=images_sha256(evaluation.image_sha256),
        n_images=len(evaluation.images),
        weights_sha256=weights_sha256(target),
        is_embedded=target.data.is_embedded,
        device=result_device(measured.engine) if measured.engine["precision"] == "int8" else "any",
    )


@pytest.mark.quick
def test_ap_is_that_of_the_baseline(against, engine_name, pipeline_name, evaluated, gate):
    entry, comparison, instead = against
    result = result_id(engine_name, pipeline_name, evaluated)
    gate(*([instead] if instead else check_ap(entry, comparison)), result=result)


@pytest.mark.answers("detections")
@pytest.mark.quick
def test_detections_and_landmarks_have_counterparts_in_the_baseline(
    against, engine_name, pipeline_name, evaluated, validation_run, gate
):
    entry, comparison, instead = against
    name = result_id(engine_name, pipeline_name, evaluated)
    if instead:
        gate(instead, result=name)
        return
    measured = evaluated(engine_name, pipeline_name)
    checks = check_detections(entry, comparison, measured.engine["precision"])
    found = dict(checks[0].numbers)
    if any(check.verdict is not Verdict.PASS for check in checks):
        found["images"] = changed_images(comparison, N_CHANGED)
    validation_run.add_result(name, against=str(entry), differences=found)
    gate(*checks, result=name)


@pytest.mark.answers("detections")
@pytest.mark.quick
def test_matched_detections_are_not_shifted_against_the_baseline(
    against, engine_name, pipeline_name, evaluated, gate
):
    _, comparison, instead = against
    measured = evaluated(engine_name, pipeline_name)
    checks = [instead] if instead else check_shifts(comparison, measured.engine["precision"])
    gate(*checks, result=result_id(engine_name, pipeline_name, evaluated))


@pytest.mark.needs("full-set")
def test_ap_is_the_published_one(
    engine_name, pipeline_name, evaluated, target, acceptance, gate, dataset
):
    measured = evaluated(engine_name, pipeline_name)
    # The published ixRT figures leave out the last incomplete batch; so must what is compared.
    scoring = "ixrt" if pipeline_name == "ixrt" else "official"
    batch = PIPELINES[pipeline_name].batch_size
    truth, _ = scored_selection(dataset.select(target.subset), scoring, batch_size=batch)
    key = run_key(target, measured, pipeline_name, truth.images)
    found = find_entries(acceptance.entries, "accuracy", key, strict=False)
    published = [entry for entry in found.comparable if entry.is_published]
    if not published:
        text = f"no published AP of {pipeline_name} over these images is in the baselines"
        gate(Check("published AP", Verdict.INCONCLUSIVE, text))
    ap = average_precision(count_detections(measured.evaluation.detections, truth))
    unfounded = [acceptance.judge_limits("published AP", entry) for entry in published]
    gate(
        *filter(None, unfounded),
        *(check for entry in published for check in check_published(entry, ap)),
        result=result_id(engine_name, pipeline_name, evaluated),
    )

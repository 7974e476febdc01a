"""Forecast how long a test takes, in seconds on two cores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from retinaface.engines.catalogue import find_engine
from retinaface.errors import RetinaFaceError
from retinaface.suite.needs import asks_for_evaluation
from retinaface.suite.target import Target

_EVALUATION = "an evaluation of all images"
_SOAK = "test_soak"
_IMAGE_S = 0.008
# Seconds of functions that take more than a moment, with ONNX Runtime on two cores. Only ratios
# matter: the run corrects the rest as it goes.
_SECONDS = {
    "test_average_precision_agrees_with_the_slow_reference": 3.8,
    "test_ap_is_that_of_the_baseline": 0.5,
    "test_detections_and_landmarks_have_counterparts_in_the_baseline": 0.5,
    "test_matched_detections_are_not_shifted_against_the_baseline": 0.5,
    "test_a_file_holds_what_was_asked_for": 1.5,
    "test_outputs_agree_with_float64_torch": 0.3,
    "test_the_model_under_test_agrees_with_float64_torch": 0.5,
    "test_outputs_lie_within_what_fp16_rounding_predicts": 1.0,
    "test_the_emulation_of_fp16_agrees_with_the_prediction": 1.5,
    "test_detections_agree_with_fp32_of_the_same_engine": 0.6,
    "test_no_layer_drifts_beyond_rounding": 2.5,
    "test_outputs_have_the_shapes_and_types_of_the_contract": 3.0,
    "test_every_row_of_a_batch_is_that_of_its_image_alone": 4.0,
    "test_rows_of_batches_up_to_64_and_in_another_order": 11.0,
    "test_runs_leave_no_memory_behind": 4.0,
    "test_scored_images_give_the_same_a_second_time": 0.5,
    "test_scored_rows_agree_with_float64_torch": 1.0,
    "test_turn_by_turn_with_onnx_runtime": 15.0,
    "test_share_of_the_machines_peak": 1.0,
    "test_network_alone": 3.5,
    "test_end_to_end": 4.0,
    "test_session_creation": 3.0,
}
_DEFAULT_S = 0.1
_PROPERTY_S = 0.4
_PROPERTY_SUITES = "_properties"
# Inputs of four times the pixels; the first export of two of a slow exporter.
_LARGE_INPUTS, _LARGE_FACTOR = "upstream-640", 3.0
_SLOW_EXPORTER, _SLOW_FACTOR = "dynamo", 4.0


def plan_tests(items: Iterable[pytest.Item], target: Target, n_images: int) -> list[dict[str, Any]]:
    """Describe the tests of a run: of each engine, the first that needs it evaluates all images.

    Args:
        n_images: Number of images that AP is measured over.
    """
    paying: dict[str, dict[str, Any]] = {}
    counted: set[tuple[str, str]] = set()
    plans = []
    for item in items:
        plans.append(plan := plan_test(item, target))
        if not asks_for_evaluation(item) or plan["engine"] is None:
            continue
        parameters = _parameters(item)
        payer = paying.setdefault(plan["engine"], plan)
        key = plan["engine"], str(parameters.get("pipeline_name"))
        if key not in counted:
            counted.add(key)
            payer["seconds"] += _IMAGE_S * n_images * _factor(parameters)
            payer["kind"] = _EVALUATION
    return plans


def plan_test(item: pytest.Item, target: Target) -> dict[str, Any]:
    """Describe a test for a forecast, without the evaluation that several tests share.

    Returns:
        Id, kind (suite and function), engine, whether the engine is sure to be here, seconds, and
        whether they are the same on any machine.
    """
    parameters = _parameters(item)
    engine = parameters.get("engine_name")
    function = getattr(item, "originalname", None) or item.name
    default = _PROPERTY_S if item.path.stem.endswith(_PROPERTY_SUITES) else _DEFAULT_S
    seconds = _SECONDS.get(function, default)
    return {
        "id": item.nodeid,
        "kind": f"{item.path.stem}::{function}",
        "engine": engine,
        "is_sure": engine is None or target.engines_named or find_engine(engine).device == "cpu",
        "is_fixed": function == _SOAK,
        "seconds": (target.soak_s or 0.0) if function == _SOAK else seconds * _factor(parameters),
    }


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


def _factor(parameters: Mapping[str, Any]) -> float:
    factor = _LARGE_FACTOR if parameters.get("pipeline_name") == _LARGE_INPUTS else 1.0
    is_slow = "engine_name" not in parameters and str(parameters.get("variant")).startswith(
        _SLOW_EXPORTER
    )
    return factor * (_SLOW_FACTOR if is_slow else 1.0)


def count_images(target: Target) -> int:
    """Count the images that AP is measured over; none without data."""
    try:
        dataset = target.data.open()
        return len(dataset.select(target.subset).images)
    except RetinaFaceError:
        return 0

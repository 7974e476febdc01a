"""The outputs that were scored: rows of the evaluation itself, alone, exactly, and a second time.

An engine may be right wherever a test looks and wrong in the evaluation: at the size of its last
batch, now and then, in its order. These tests judge the outputs that the AP was made of.
"""

from __future__ import annotations

import pytest

from retinaface.detection.pipelines import PIPELINES
from retinaface.reference.inputs import N_IMAGES
from retinaface.suite.judged.scored import Scored

pytestmark = [
    pytest.mark.answers("engine"),
    pytest.mark.accuracy,
    pytest.mark.needs("images", "reference"),
]


@pytest.fixture
def scored(engine_name, pipeline_name, evaluated, dataset, pool, cases, gate):
    """The evaluation of an engine and pipeline, whose rows are known by their images."""
    pipeline = PIPELINES[pipeline_name]
    found = Scored(
        evaluated(engine_name, pipeline_name),
        pool.get(engine_name, size_px=pipeline.input_size_px),
        pipeline,
        dataset.read_bytes,
        cases.judging(engine_name, "scene", N_IMAGES["scene"]),
    )
    if (unknown := found.unknown_rows()) is not None:
        gate(unknown)
    return found


@pytest.mark.quick
def test_scored_rows_are_those_of_their_images_alone(scored, gate):
    gate(*scored.rows_alone())


@pytest.mark.needs("torch")
@pytest.mark.offers("rounding")
def test_scored_rows_agree_with_float64_torch(scored, engine_name, cases, exact_case, gate):
    gate(*scored.rows_exact(lambda images: cases.held_to(engine_name, exact_case(images))))


@pytest.mark.quick
def test_scored_images_give_the_same_a_second_time(scored, gate):
    gate(*scored.again())


@pytest.mark.quick
def test_no_image_has_the_outputs_of_another(scored, gate):
    gate(*scored.no_two_the_same())

import numpy as np
import pytest

from retinaface.config import OUTPUT_NAMES
from retinaface.engines import RawOutputs
from retinaface.errors import DatasetError
from retinaface.reference import (
    ReferenceCase,
    judge,
    load_reference,
    reference_inputs,
    save_reference,
)


def case(name="scene"):
    exact = {o: np.zeros((1, 3, n)) for o, n in zip(OUTPUT_NAMES, (4, 2, 10), strict=True)}
    float32 = {o: (a + 1e-6).astype(np.float32) for o, a in exact.items()}
    return ReferenceCase(name, np.zeros((1, 3, 8, 8), np.float32), exact, float32)


def test_a_reference_survives_writing_and_reading(tmp_path):
    save_reference(tmp_path / "r.npz", [case("a"), case("b")])
    read = load_reference(tmp_path / "r.npz")
    assert [c.name for c in read] == ["a", "b"]
    assert read[0].noise_floor("loc") == pytest.approx(1e-6)
    np.testing.assert_array_equal(read[1].exact["landmarks"], case().exact["landmarks"])


def test_judge_gives_the_largest_error_and_the_floor():
    outputs = RawOutputs(*(case().float32[o].copy() for o in OUTPUT_NAMES))
    outputs.scores[0, 1, 1] = 0.25
    errors = {e.output: e for e in judge(outputs, case())}
    assert errors["conf"].max_abs == 0.25
    assert errors["loc"].max_abs == pytest.approx(errors["loc"].noise_floor)


def test_judge_does_not_hide_a_nan():
    outputs = RawOutputs(*(case().float32[o].copy() for o in OUTPUT_NAMES))
    outputs.loc[0, 0, 0] = np.nan
    assert np.isnan(judge(outputs, case())[0].max_abs)


def test_inputs_have_the_size_asked_for_and_another_where_sizes_are_free():
    fixed = reference_inputs(64, 96, dynamic_size=False)
    assert {a.shape for a in fixed.values()} == {(1, 3, 64, 96)}
    assert fixed["extremes"].min() == -123
    assert fixed["extremes"].max() == 151
    assert reference_inputs(64, 96, dynamic_size=True)["scene-213x320"].shape == (1, 3, 213, 320)


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_a_damaged_reference_is_refused(tmp_path, content):
    path = tmp_path / "r.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot read reference .*make it again"):
        load_reference(path)

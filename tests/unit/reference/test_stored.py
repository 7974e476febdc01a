from dataclasses import replace

import numpy as np
import pytest

from retinaface.errors import DatasetError
from retinaface.network.config import OUTPUT_NAMES
from retinaface.reference.floors import SUM_FLOORS
from retinaface.reference.stored import ReferenceCase, join_cases, load_reference, save_reference


def case(name="scene"):
    exact = {o: np.zeros((1, 3, n)) for o, n in zip(OUTPUT_NAMES, (4, 2, 10), strict=True)}
    float32 = {o: (a + 1e-6).astype(np.float32) for o, a in exact.items()}
    float16 = {o: (a + 0.25).astype(np.float32) for o, a in exact.items()}
    return ReferenceCase(name, np.zeros((1, 3, 8, 8), np.float32), exact, float32, float16)


def test_a_reference_survives_writing_and_reading(tmp_path):
    save_reference(tmp_path / "r.npz", [case("a"), case("b")])
    read = load_reference(tmp_path / "r.npz")
    assert [c.name for c in read] == ["a", "b"]
    assert read[0].rounded("fp32")["loc"].max() == pytest.approx(1e-6)
    assert read[0].rounded("fp16")["loc"].max() == 0.25
    np.testing.assert_array_equal(read[1].exact["landmarks"], case().exact["landmarks"])


def test_cases_join_and_rows_are_taken_in_the_given_order():
    joined = join_cases("both", [case("a"), case("b")])
    joined.exact["loc"][1] = 7
    taken = joined.take(np.array([1, 0, 1]))
    assert taken.exact["loc"][:, 0, 0].tolist() == [7, 0, 7]
    assert taken.images.shape == (3, 3, 8, 8)
    assert taken.float16["conf"].shape == (3, 3, 2)


def summed(name):
    one = case(name)
    return replace(
        one,
        sums={
            f: {o: a + np.float32(0.5 + i) for o, a in one.float16.items()}
            for i, f in enumerate(SUM_FLOORS)
        },
    )


def test_outputs_with_rounded_sums_survive_a_file_a_join_and_a_choice_of_rows(tmp_path):
    save_reference(tmp_path / "r.npz", [summed("a"), case("b")])
    with_sums, without = load_reference(tmp_path / "r.npz")
    for floor, outputs in summed("a").sums.items():
        assert with_sums.sums[floor]["loc"].dtype == np.float32
        np.testing.assert_array_equal(with_sums.sums[floor]["conf"], outputs["conf"])
        assert len(join_cases("both", [with_sums, with_sums]).sums[floor]["loc"]) == 2
        assert with_sums.take(np.array([0, 0, 0])).sums[floor]["loc"].shape == (3, 3, 4)
    assert without.sums == {} == join_cases("both", [with_sums, without]).sums


def test_the_floor_of_a_case_is_that_of_fp16_until_sums_are_chosen():
    one = summed("a")
    held = one.with_sums("fp16-blocks", one.sums["fp16-blocks"])
    assert [c.floor("fp16") for c in (one, held, held.take(np.array([0])))] == [
        "fp16",
        "fp16-blocks",
        "fp16-blocks",
    ]
    assert [c.floor("fp32") for c in (one, held)] == ["fp32", "fp32"]
    assert (one.rounded("fp16")["loc"].max(), held.rounded("fp16")["loc"].max()) == (0.25, 0.75)
    assert held.rounded("fp32") is one.float32


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_a_damaged_reference_is_refused(tmp_path, content):
    path = tmp_path / "r.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot read reference .*make it again"):
        load_reference(path)

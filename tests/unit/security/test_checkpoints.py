"""A checkpoint from a stranger runs no code, whatever its pickle asks for."""

import pytest
import torch

from retinaface.errors import WeightsError
from retinaface.network.checkpoint import load_model


class _Writes:
    """Would write a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
def test_code_in_a_checkpoint_does_not_run(tmp_path, is_zip):
    file, trace = tmp_path / "x.pth", tmp_path / "trace"
    torch.save({"a": _Writes(trace)}, file, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(WeightsError, match="x.pth"):
        load_model(file)
    assert not trace.exists()


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
def test_the_same_checkpoint_read_without_care_does_run_it(tmp_path, is_zip):
    """Otherwise the test above could not fail."""
    file, trace = tmp_path / "x.pth", tmp_path / "trace"
    torch.save({"a": _Writes(trace)}, file, _use_new_zipfile_serialization=is_zip)
    torch.load(file, weights_only=False)["a"].close()  # our own file
    assert trace.exists()

import pytest

from retinaface.export.external_data import model_sha256, weight_files
from retinaface.export.tiny_model import write_model
from retinaface.storage.hashing import file_sha256
from tests.support.foreign_files import change_last_weight, move_weights_outside

pytestmark = pytest.mark.needs("onnx")


@pytest.fixture
def outside(tmp_path):
    path = tmp_path / "a.onnx"
    write_model(path)
    move_weights_outside(path, "a.data")
    return path


def test_a_file_with_its_weights_inside_is_its_own_identity(tmp_path):
    write_model(tmp_path / "a.onnx")
    assert weight_files(tmp_path / "a.onnx") == []
    assert model_sha256(tmp_path / "a.onnx") == file_sha256(tmp_path / "a.onnx")


def test_weights_outside_are_part_of_the_identity(outside):
    data = outside.with_name("a.data")
    assert weight_files(outside) == [data]
    before, graph = model_sha256(outside), file_sha256(outside)
    change_last_weight(data, 3)
    assert file_sha256(outside) == graph
    assert model_sha256(outside) != before
    data.unlink()
    assert weight_files(outside) == []

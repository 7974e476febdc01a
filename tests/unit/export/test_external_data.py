import pytest

from retinaface.errors import ModelError
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


@pytest.mark.parametrize("place", ["absolute", "above"])
def test_weights_outside_the_folder_of_the_graph_are_refused_unread(tmp_path, place):
    """They may be any file of this machine, and a model is sent with its weights."""
    import onnx

    folder = tmp_path / "models"
    folder.mkdir()
    write_model(folder / "a.onnx")
    data = move_weights_outside(folder / "a.onnx")
    outside = data.rename(tmp_path / data.name)
    model = onnx.load(folder / "a.onnx", load_external_data=False)
    name = str(outside) if place == "absolute" else f"../{outside.name}"
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = name
    onnx.save(model, folder / "a.onnx")
    with pytest.raises(ModelError, match="its weights are in .*, expected a file in its own"):
        weight_files(folder / "a.onnx")


def test_a_name_of_more_than_127_bytes_is_read_whole(tmp_path):
    path = tmp_path / "a.onnx"
    write_model(path)
    name = f"{'n' * 150}.data"
    move_weights_outside(path, name)
    assert weight_files(path) == [tmp_path / name]


@pytest.mark.parametrize("name", ["n" * 5000, "nul\0l", "folder"], ids=["long", "null", "folder"])
def test_a_name_that_no_file_can_have_is_no_file(tmp_path, name):
    import onnx

    path = tmp_path / "a.onnx"
    (tmp_path / "folder").mkdir()
    write_model(path)
    move_weights_outside(path)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = name
    path.write_bytes(model.SerializeToString())
    assert weight_files(path) == []


def test_a_link_out_of_the_folder_is_refused(outside, tmp_path_factory):
    secret = tmp_path_factory.mktemp("other") / "secret"
    data = outside.with_name("a.data")
    data.rename(secret)
    data.symlink_to(secret)
    with pytest.raises(ModelError, match="expected a file in its own folder"):
        weight_files(outside)


def test_what_is_no_onnx_names_no_files(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"\xff" * 9)
    assert weight_files(tmp_path / "x.onnx") == []

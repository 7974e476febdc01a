import dataclasses

import pytest

from retinaface.cluster.sent_files import as_named_by_client, pack, unpack
from retinaface.engines.spec import EngineSpec
from retinaface.errors import ClusterError


def spec_of(folder, **changes):
    return EngineSpec("e", "fp32", "cpu", model=folder / "m.onnx", **changes)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("m.onnx", "m.json", "m.bin", "other.onnx"):
        (tmp_path / "there" / name).write_text(name)
    return tmp_path / "there"


def test_a_model_arrives_with_what_belongs_to_it(folder, tmp_path):
    spec = spec_of(folder)
    arrived = unpack(spec, pack(spec), tmp_path / "here")
    assert arrived.model == tmp_path / "here/model/m.onnx"
    assert sorted(p.name for p in arrived.model.parent.iterdir()) == ["m.bin", "m.json", "m.onnx"]
    assert arrived.model.read_text() == "m.onnx"


def test_a_folder_arrives_whole(folder, tmp_path):
    spec = EngineSpec("e", "fp32", "cpu", engine_file=folder)
    arrived = unpack(spec, pack(spec), tmp_path / "here")
    assert len(list(arrived.engine_file.iterdir())) == 4


def test_a_checkpoint_is_sent_only_where_it_is_read(folder):
    named = str(folder / "other.onnx")
    assert [f.field for f in pack(EngineSpec("e", "fp32", "cpu", weights=named))] == ["weights"]
    assert {f.field for f in pack(spec_of(folder, weights=named))} == {"model"}
    assert pack(EngineSpec("e", "fp32", "cpu", weights="embedded")) == ()


def test_a_damaged_file_is_refused(folder, tmp_path):
    spec = spec_of(folder)
    damaged = tuple(dataclasses.replace(file, content=b"x") for file in pack(spec))
    with pytest.raises(ClusterError, match=r"m\.onnx did not arrive as it was sent"):
        unpack(spec, damaged, tmp_path / "here")


def test_facts_name_the_files_of_the_client(folder, tmp_path):
    here = tmp_path / "here"
    facts = {"a": [f"from {here / 'model/m.onnx'}", 1], "b": None}
    assert as_named_by_client(facts, spec_of(folder), here) == {
        "a": [f"from {folder / 'm.onnx'}", 1],
        "b": None,
    }

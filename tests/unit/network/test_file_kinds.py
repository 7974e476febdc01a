import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from retinaface.errors import WeightsError
from retinaface.network.file_kinds import holds_safetensors, refuse_other_kinds, text_line
from retinaface.network.weights import choose_weights
from tests.support.pointers import POINTER

DATA = b"what a checkpoint holds" * 40


def zip_of(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, DATA)
    return file.getvalue()


def tar_of(name):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(DATA)
        archive.addfile(info, io.BytesIO(DATA))
    return file.getvalue()


KINDS = {
    "pointer": (POINTER, "is a Git LFS pointer, not the file; git lfs pull$"),
    "empty": (b"", r"is empty \(0 bytes\); fetch it again$"),
    "html": (b"\n <!DOCTYPE HTML>\n<html>", "is a web page, not a checkpoint; .*'Raw' link"),
    "html-bom": (b"\xef\xbb\xbf<html lang=en>", "is a web page"),
    "xml": (b'<?xml version="1.0"?><Error>', "is a web page"),
    "onnx": (b"\x08\x07\x12\x07pytorch\x1a", "is an ONNX model, .*; give it with --model"),
    "gzip": (gzip.compress(DATA), "is a gzip archive, not a checkpoint; unpack it, and give"),
    "bzip2": (bz2.compress(DATA), "is a bzip2 archive"),
    "xz": (lzma.compress(DATA), "is an xz archive"),
    "tar": (tar_of("w.pth"), "is a tar archive"),
    "zip": (zip_of("a/w.pth", "b", "c", "d"), r"is a zip archive \(a/w.pth, b, c, \.\.\.\), not a"),
    "npz": (zip_of("a.npy", "b.npy"), r"is a NumPy archive \(\.npz\)"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + DATA, r"is an HDF5 file \(Keras\)"),
    "old-pt2": (zip_of("serialized_exported_program.json"), r"is a program of torch\.export"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_checkpoint_is_named_before_torch_reads_it(tmp_path, kind):
    content, message = KINDS[kind]
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    for refuse in (refuse_other_kinds, lambda path: choose_weights(str(path))):
        with pytest.raises(WeightsError, match=rf"w\.pth {message}") as caught:
            refuse(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"any bytes",
        b"\x80\x02}q\x00.",
        zip_of("w/data.pkl", "w/data/0", "w/version"),
        b"PK\x03\x04",
    ],
    ids=["any", "pickle", "zip", "cut-zip"],
)
def test_what_may_be_a_checkpoint_is_left_to_torch(tmp_path, content):
    (tmp_path / "w.pth").write_bytes(content)
    refuse_other_kinds(tmp_path / "w.pth")
    refuse_other_kinds(tmp_path / "missing.pth")


@pytest.mark.needs("torch")
@pytest.mark.filterwarnings("ignore")  # torch.jit is on its way out
def test_programs_of_torch_are_told_from_its_checkpoints(tmp_path):
    import torch

    layer, inputs = torch.nn.Linear(2, 2), torch.zeros(1, 2)
    torch.save(layer.state_dict(), tmp_path / "w.pth")
    torch.jit.save(torch.jit.trace(layer, inputs), tmp_path / "s.pt")
    torch.export.save(torch.export.export(layer, (inputs,)), tmp_path / "e.pt2")
    refuse_other_kinds(tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"s\.pt is a TorchScript archive .*torch\.jit\.load\("):
        refuse_other_kinds(tmp_path / "s.pt")
    with pytest.raises(
        WeightsError, match=r"e\.pt2 is a program of torch\.export .*export\.load\("
    ):
        refuse_other_kinds(tmp_path / "e.pt2")


@pytest.mark.needs("onnx")
def test_an_onnx_model_of_any_exporter_is_known_by_its_first_bytes(tmp_path):
    import onnx
    from onnx import helper

    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
    for fields in ({}, {"producer_name": "pytorch"}, {"doc_string": "d"}, {"model_version": 3}):
        onnx.save(helper.make_model(graph, **fields), tmp_path / "w.pth")
        with pytest.raises(WeightsError, match="is an ONNX model"):
            refuse_other_kinds(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"404: Not Found\nmore", "404: Not Found"),
        (b'{"error": "gone"}', '{"error": "gone"}'),
        (b"x" * 100, "x" * 60),
        (b"\x80\x02\xff\xfe", ""),
        (b"a\x00b", ""),
        (b" \n", ""),
    ],
    ids=["line", "json", "long", "bytes", "zeros", "blank"],
)
def test_the_first_line_of_text_is_given_and_none_of_bytes(tmp_path, content, line):
    (tmp_path / "w.pth").write_bytes(content)
    assert text_line(tmp_path / "w.pth") == line


def test_safetensors_are_known_by_a_length_that_the_file_has(tmp_path):
    path = tmp_path / "w"
    for content, is_it in (
        ((2).to_bytes(8, "little") + b"{}", True),
        ((3).to_bytes(8, "little") + b"{}", False),
        ((2).to_bytes(8, "little") + b"[]", False),
        (b"", False),
    ):
        path.write_bytes(content)
        assert holds_safetensors(path) is is_it

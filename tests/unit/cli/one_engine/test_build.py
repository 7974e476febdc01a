import json

import pytest

from retinaface.export.external_data import model_sha256
from retinaface.storage.hashing import file_sha256
from tests.support.made.pictures import tree

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME, FP32 = "igie-iluvatar-fp16", "igie-iluvatar-fp32"
FILE = "retinaface_bs_4_fp16.so"
BUILD = ("build", "--engine", NAME, "--batch", 4, "--model", "retinaface_opt.onnx")


def test_a_named_file_comes_with_what_it_was_built_from(board, run, tmp_path):
    code, out, _ = run(*BUILD, "--output", FILE)
    assert code == 0
    assert out.startswith(f"{FILE}: {NAME}, batch 4, by igie 0.")
    assert out.endswith(f"\n{FILE}.json\n")
    assert tree(tmp_path) == ["any.model", FILE, f"{FILE}.json", "retinaface_opt.onnx"]
    manifest = json.loads((tmp_path / f"{FILE}.json").read_text())
    assert manifest["sha256"] == file_sha256(tmp_path / FILE)
    assert manifest["source_sha256"] == model_sha256(tmp_path / "retinaface_opt.onnx")
    assert (manifest["engine"], manifest["precision"], manifest["batch"]) == (NAME, "fp16", 4)
    assert manifest["source"] == "retinaface_opt.onnx"
    assert manifest["options"] == {"batch": "4"}
    assert "onnx" in manifest["versions"]


def test_a_file_that_is_not_the_one_of_its_manifest_is_refused(board, run, refuse, tmp_path):
    run(*BUILD, "--output", FILE)
    bench = ("bench", "--engine-file", FILE, "--engine")
    refuse(*bench, FP32, match=f"FP32, but {FILE} was built in FP16 for {NAME}; name that engine")
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes() + b" ")
    refuse(*bench, NAME, match=f"{FILE} is not the file of its manifest {FILE}.json: expected sha")
    (tmp_path / f"{FILE}.json").write_text('{"kind": "engine-file"}')
    refuse(*bench, NAME, match=f"cannot read the manifest {FILE}.json: .*missing required field")


@pytest.mark.parametrize("content", ['{"build_s": 3.0}', "[1]"])
def test_a_file_of_another_tool_beside_it_is_no_manifest(board, run, tmp_path, content):
    run(*BUILD, "--output", FILE)
    (tmp_path / f"{FILE}.json").write_text(content)
    options = () if type(board).__name__ == "FakeTvm" else ("--engine-option", "batch=4")
    code, _, err = run("bench", "--engine", NAME, "--engine-file", FILE, *options)
    assert code == 0, err


def test_an_engine_without_files_is_refused(refuse, tmp_path):
    refuse(
        *("build", "--engine", "ort-cpu-fp32", "--output", "x.onnx"),
        match="ort-cpu-fp32 builds no files, so there is none to write; .* take one of: tensorrt",
    )
    assert tree(tmp_path) == ["any.model"]


def test_a_third_partys_engine_that_names_no_file_is_refused(refuse):
    engine = "tests.support.widerface:Finder"
    refuse(
        *("build", "--engine", engine, "--model", "any.model", "--output", "x.so"),
        match="names no file that it built",
    )

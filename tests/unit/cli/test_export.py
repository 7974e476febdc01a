import pytest

from tests.support.made.pictures import tree


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_prints_what_it_wrote(run, tmp_path):
    code, out, _ = run("export", "--output", "x.onnx", "--weights", "embedded", "--opset", 12)
    assert code == 0
    assert "opset 12, IR 7, fp32 (I/O fp32), input batchx3x320x320" in out
    assert tree(tmp_path) == ["any.model", "x.json", "x.onnx", "x.reference.npz"]


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_refuses_a_bad_checkpoint_and_writes_nothing(refuse, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"hello")
    refuse("export", "--output", "x.onnx", "--weights", "w.pth", match="truncated or not a PyTorch")
    options = ["--weights", "embedded", "--exporter", "dynamo", "--opset", 13]
    refuse("export", "--output", "x.onnx", *options, match="use --exporter torchscript")
    assert tree(tmp_path) == ["any.model", "w.pth"]

import numpy as np
import pytest

from tests.support.made.pictures import tree


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_prints_what_it_wrote(run, tmp_path):
    code, out, _ = run("export", "--output", "x.onnx", "--weights", "embedded", "--opset", 12)
    assert code == 0
    assert "opset 12, IR 7, fp32 (I/O fp32), input batchx3x320x320" in out
    assert tree(tmp_path) == ["any.model", "x.json", "x.onnx", "x.reference.npz"]


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_stores_rounded_sums_where_it_is_asked_to(run, tmp_path):
    from retinaface.reference.stored import load_reference

    arguments = ("--output", "x.onnx", "--weights", "embedded", "--with-fp16-sums")
    assert run("export", *arguments)[0] == 0
    for case in load_reference(tmp_path / "x.reference.npz"):
        assert list(case.sums) == ["fp16-blocks", "fp16-products"]
        found = (case.float16, *case.sums.values())
        errors = {np.abs(outputs["loc"] - case.exact["loc"]).max() for outputs in found}
        assert len(errors) == 3
        assert min(errors) > 0


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_refuses_a_bad_checkpoint_and_writes_nothing(refuse, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"hello")
    refuse(
        "export", "--output", "x.onnx", "--weights", "w.pth", match=r"text \('hello'\), not a PyT"
    )
    options = ["--weights", "embedded", "--exporter", "dynamo", "--opset", 13]
    refuse("export", "--output", "x.onnx", *options, match="use --exporter torchscript")
    assert tree(tmp_path) == ["any.model", "w.pth"]


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_prints_and_keeps_what_was_done_to_read_a_checkpoint(run, tmp_path):
    import torch

    from retinaface.export.manifest import read_manifest
    from retinaface.network.checkpoint import load_model

    state = load_model("embedded").model.state_dict()
    torch.save({"ema": {n: t.bfloat16() for n, t in state.items()}, "epoch": 3}, tmp_path / "w.pt")
    code, out, err = run("export", "--output", "x.onnx", "--weights", "w.pt")
    assert code == 0
    notes = read_manifest(tmp_path / "x.onnx").weights.notes
    assert notes == load_model(tmp_path / "w.pt").notes
    assert notes[:2] == (
        "w.pt: read the tensors under the key 'ema'",
        "w.pt: left out what stands beside them: epoch",
    )
    assert notes[2].startswith("w.pt: 300 of 300 tensors are bfloat16, converted to float32: ")
    assert out.startswith("".join(f"note: {note}\n" for note in notes))
    assert err == ""

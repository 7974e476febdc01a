import json
import re

import pytest

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME, FILE = "igie-iluvatar-fp16", "retinaface_bs_4_fp16.so"
BUILD = ("build", "--engine", NAME, "--model", "retinaface_opt.onnx", "--output", FILE)
BENCH = ("bench", "--engine", NAME, "--engine-file", FILE)


@pytest.mark.parametrize(
    ("protocol", "timed"), [("ours", r"median of \d+ runs"), ("vendor", "mean of 100 runs back to")]
)
def test_a_file_is_timed_at_its_batch_in_a_line(board, run, protocol, timed, tmp_path):
    run(*BUILD, "--batch", 4)
    code, out, _ = run(*BENCH, "--protocol", protocol, "--json", "speed.json")
    assert code == 0
    line, written = out.splitlines()
    assert re.match(
        rf"{NAME}: \d+\.\d{{3}} images/s at batch 4 on Iluvatar MR-V100 \(.*{timed}", line
    )
    assert "finite, and probabilities; --weights compares them" in line
    figures = json.loads((tmp_path / written.removeprefix("JSON: ")).read_text())
    assert figures["images_per_s"] == pytest.approx(4 / figures["run_s"])
    assert (figures["batch"], figures["protocol"]) == (4, protocol)
    assert figures["engine_file"] == FILE
    if protocol == "vendor":
        assert board.named("time_evaluator")[-1][3:] == (100, 1)


def test_another_batch_than_that_of_the_file_is_refused(board, run, refuse):
    run(*BUILD, "--batch", 4)
    refuse(*BENCH, "--batch", 8, match="runs batches of 4 alone, .*; give --batch 4, or a file bui")


def test_outputs_that_cannot_be_right_end_with_1_and_no_figure(board, run):
    run(*BUILD, "--batch", 4)
    board.changed = lambda arrays: [arrays[0] * float("nan"), *arrays[1:]]
    code, out, err = run(*BENCH)
    assert (code, out) == (1, "")
    assert "a value is NaN or infinite; no figure is printed for wrong outputs" in err


@pytest.mark.needs("torch", "onnxsim")
def test_outputs_are_compared_with_exact_ones_where_the_weights_are_known(run):
    words = ("--engine", "ort-cpu-fp32", "--weights", "embedded", "--batch", 1)
    code, out, _ = run("bench", *words, "--protocol", "vendor")
    assert code == 0
    assert "mean of 20 calls with their copies back to back" in out
    assert "outputs of 4 calls equal exact ones within the noise of the precision" in out

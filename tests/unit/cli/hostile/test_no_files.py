"""What is no file, or a link to another place, is one line and exit code 2; nothing hangs."""

import os
import subprocess
import sys

import pytest

from retinaface.embedded import embedded_root
from tests.support.made.widerface_copy import IMAGES, write_truth_text, write_vendor_layout

ENGINE = ("--engine", "ort-cpu-fp32")
COMMANDS = {
    "predictions": ["score", "pipe", "--widerface", "embedded"],
    "ground truth": ["score", "folder", "--ground-truth", "pipe.json"],
    "image": ["detect", "pipe", "--weights", "embedded"],
    "weights": ["detect", "image.jpg", "--weights", "pipe", *ENGINE],
    "model": ["detect", "image.jpg", "--model", "pipe.onnx", *ENGINE],
    "exported weights": ["export", "--weights", "pipe", "--output", "out.onnx"],
    "config": ["score", "folder", "--widerface", "embedded", "--config", "pipe"],
    "plan": ["matrix", "pipe", "--output", "out"],
    "record": ["compare", "run", "run"],
    "session": ["compare", "run", "run", "--ab", "pipe.json"],
    "baseline": ["validate", "--widerface", "embedded", "--baseline", "pipe.json", *ENGINE],
    "engine file": ["validate", "--engine-file", "pipe", "--engine", "igie-iluvatar-fp16"],
}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "run").mkdir()
    for name in ("pipe", "pipe.json", "pipe.onnx", "run/record.json"):
        os.mkfifo(tmp_path / name)
    picture = next((embedded_root() / "val/images").rglob("*.jpg"))
    (tmp_path / "image.jpg").write_bytes(picture.read_bytes())
    return tmp_path


@pytest.mark.parametrize("what", COMMANDS)
def test_a_pipe_for_any_input_is_refused(place, what):
    """In a process of its own, with a limit for what would hang."""
    done = subprocess.run(
        [sys.executable, "-m", "retinaface", *COMMANDS[what]],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2, done.stderr
    assert "retinaface: error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "out").exists()
    assert not (place / "out.onnx").exists()


def test_a_list_of_images_that_is_linked_to_elsewhere_is_not_shown(refuse, tmp_path):
    root = write_vendor_layout(tmp_path / "set")
    (tmp_path / "secret").write_text("secret words\n")
    (root / "val/wider_val.txt").unlink()
    (root / "val/wider_val.txt").symlink_to(tmp_path / "secret")
    refuse(
        *("evaluate", "--pipeline", "igie", *ENGINE, "--widerface", root, "--weights", "embedded"),
        match=r"wider_val\.txt: a link leads out of (?!.*secret words)",
    )


def test_ground_truth_as_text_that_is_linked_to_elsewhere_is_not_shown(refuse, tmp_path):
    (tmp_path / "set/ground_truth").mkdir(parents=True)
    real = write_truth_text(tmp_path / "secret.txt")
    (tmp_path / "set/ground_truth/wider_face_val_bbx_gt.txt").symlink_to(real)
    refuse(
        *("score", tmp_path, "--ground-truth", tmp_path / "set/ground_truth"),
        match=r"wider_face_val_bbx_gt\.txt: a link leads out of",
    )


def test_a_file_that_the_user_names_may_be_a_link(run, tmp_path):
    event, name = IMAGES[0].split("/")
    (tmp_path / "p" / event).mkdir(parents=True)
    (tmp_path / "p" / event / f"{name}.txt").write_text(f"{name}\n0\n")
    (tmp_path / "linked.txt").symlink_to(write_truth_text(tmp_path / "truth.txt"))
    (tmp_path / "linked").symlink_to(tmp_path / "p")
    assert run("score", tmp_path / "linked", "--ground-truth", tmp_path / "linked.txt")[0] == 0

from pathlib import Path

from retinaface.foreign import FOREIGN, foreign_problem

SIBLING = "2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220"


def test_the_sibling_of_the_same_name_is_told_from_the_published_checkpoint():
    problem = foreign_problem(Path("w/mobilenet0.25_Final.pth"), SIBLING)
    assert problem.startswith(
        "w/mobilenet0.25_Final.pth is the mobilenet0.25_Final.pth of Pytorch_Retinaface, "
    )
    assert "LeakyReLU (here: ReLU) and priors from 16 px (here: from 10)" in problem
    assert "\n" not in problem


def test_any_other_checkpoint_is_not_foreign():
    assert foreign_problem(Path("w.pth"), "0" * 64) == ""
    assert all(len(sha256) == 64 for sha256 in FOREIGN)

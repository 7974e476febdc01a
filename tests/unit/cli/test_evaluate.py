import json
import re

import cv2
import numpy as np

from retinaface.network.scenes import scene
from tests.support.made.widerface_copy import IMAGES, coco_of, write_json, write_truth_text
from tests.support.widerface import Finder

OWN_ENDINGS = (".jpg", ".png", ".JPG", ".webp", ".bmp", ".jpeg")
FINDER = "tests.support.widerface:Finder"


class Configured(Finder):
    """Stores its specification."""

    other_options_go_to = "the test"

    def __init__(self, spec):
        super().__init__(spec)
        Configured.options, Configured.shares_cpus = dict(spec.options), spec.shares_cpus


class Broken:
    """An engine with a NaN in its first output."""

    def __new__(cls, spec):
        from tests.support.widerface import Recorder

        class NanEngine(Recorder):
            def _run(self, images):
                outputs = super()._run(images)
                outputs.loc[0, 0, 0] = np.nan
                return outputs

        return NanEngine()


def evaluate(*more, engine=FINDER):
    return ["evaluate", "--pipeline", "igie", "--engine", engine, "--model", "any.model", *more]


def test_evaluate_prints_ap_and_its_coverage(run, tmp_path, widerface):
    options = ["--widerface", widerface, "--batch", 4]
    code, out, _ = run(*evaluate(*options, "--predictions", "p", "--output", "r"))
    assert code == 0
    assert "covers 11 of 11 images" in out
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert set(record["ap"]) == {"easy", "medium", "hard"}
    assert record["results"][0]["ap"] == record["ap"]
    assert record["coverage"]["n_images"] == 11
    assert len(record["coverage"]["ground_truth_sha256"]) == 4
    code, _, _ = run("score", "p", "--widerface", widerface, "--json", "s.json")
    assert code == 0
    assert json.loads((tmp_path / "s.json").read_text())["ap"] == record["ap"]


def test_own_images_with_a_coco_file_are_evaluated_and_scored_alike(run, tmp_path):
    faces = {f"deep/{i % 2}/picture{i}{e}": [[10, 10, 60, 60]] for i, e in enumerate(OWN_ENDINGS)}
    for i, name in enumerate(faces):
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_bytes(encoded(i, OWN_ENDINGS[i].lower()))
    write_json(tmp_path / "faces.json", coco_of(faces))
    named = ["--ground-truth", "faces.json"]
    more = ["--widerface", "own", "--predictions", "p", "--output", "r"]
    code, out, _ = run(*evaluate(*named, *more))
    assert code == 0
    assert "all faces" in out
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert list(record["coverage"]["ground_truth_sha256"]) == ["faces.json"]
    assert (tmp_path / "p/deep/1/picture1.png.txt").is_file()
    code, _, _ = run("score", "p", *named, "--json", "s.json")
    scored = json.loads((tmp_path / "s.json").read_text())
    assert scored["ap"] == record["ap"]
    assert not [note for note in scored["notes"] if "first line" in note or "folder" in note]


def encoded(seed, ending):
    return bytes(cv2.imencode(ending, scene(160, 200, seed))[1])


def test_settings_of_an_engine_reach_it(run, refuse, widerface):
    options = ["--widerface", widerface, "--limit", 1]
    named = [*options, "--engine-option", "a=1", "--engine-option", "b=x=y", "--output", "r"]
    code, _, _ = run(*evaluate(*named, engine=f"{__name__}:Configured"))
    assert code == 0
    assert Configured.options == {"a": "1", "b": "x=y"}
    assert Configured.shares_cpus
    for bad, problem in ((["a"], "not of the form NAME=VALUE"), (["a=1", "a=2"], "given twice")):
        more = [word for value in bad for word in ("--engine-option", value)]
        refuse(*evaluate(*options, *more), match=problem)


def test_evaluate_of_a_part_is_labelled(run, widerface):
    _, out, _ = run(*evaluate("--widerface", widerface, "--subset", "every-8"))
    assert "covers 3 of 11 images" in out
    _, out, _ = run(*evaluate("--widerface", widerface, "--limit", 2))
    assert "covers 2 of 11 images" in out
    _, out, _ = run(*evaluate("--widerface", widerface, "--scoring", "ixrt", "--batch", 4))
    assert "ixrt scoring: the last 3 images" in out


def test_evaluate_lists_the_bad_images_that_it_skipped(run, refuse, tmp_path, widerface):
    (widerface / "val/images" / f"{IMAGES[0]}.jpg").write_bytes(b"")
    refuse(*evaluate("--widerface", widerface, "--output", "r"), match=f"{IMAGES[0]}: the file is")
    assert not (tmp_path / "r").exists()
    code, out, _ = run(*evaluate("--widerface", widerface, "--skip-bad-images", "--output", "r"))
    assert code == 0
    assert re.search(f"bad image, all faces counted as missed: .*{IMAGES[0]}: the file is", out)
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert list(record["coverage"]["bad_images"]) == [IMAGES[0]]


def test_evaluate_refuses_bad_input_before_it_runs(refuse, tmp_path, widerface):
    options = ["--widerface", widerface]
    refuse(*evaluate(*options, engine="none"), match="unknown engine 'none'; expected one of")
    refuse(*evaluate(*options, "--output", widerface), match="is not empty")
    refuse(*evaluate(*options, "--predictions", widerface), match="is not empty")
    refuse(*evaluate(*options, "--output", "x", "--predictions", "x"), match="name two")
    refuse(*evaluate(*options, "--output", "x", "--predictions", "x/y"), match="inside the other")
    refuse(*evaluate("--widerface", tmp_path / "none"), match="is not a folder")
    (widerface / "ground_truth/wider_easy_val.mat").unlink()
    refuse(*evaluate(*options), match=r"wider_easy_val\.mat is missing")
    (tmp_path / "any.json").write_text("{")
    refuse(*evaluate("--output", "x"), match=r"cannot read the manifest any\.json: .*; restore it")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["any.json", "any.model", "wf"]


def test_a_nan_from_an_engine_is_a_failure_not_bad_input(run, tmp_path, widerface):
    code, out, err = run(
        *evaluate("--widerface", widerface, "--output", "r", engine=f"{__name__}:Broken")
    )
    assert (code, out) == (1, "")
    assert re.fullmatch(r"retinaface: error: .*values of loc are not finite.*\n", err)
    assert not (tmp_path / "r").exists()


def test_ground_truth_may_lie_elsewhere_or_be_text(run, refuse, tmp_path, widerface):
    (widerface / "ground_truth").rename(tmp_path / "truth")
    options = ["--widerface", widerface, "--ground-truth"]
    code, out, _ = run(*evaluate(*options, "truth"))
    assert (code, out.splitlines()[0].split()[-3:]) == (0, ["easy", "medium", "hard"])
    text = write_truth_text(tmp_path / "text")
    code, out, _ = run(*evaluate(*options, "text", "--output", "r"))
    assert (code, out.splitlines()[0].split()[-2:]) == (0, ["all", "faces"])
    assert f"note: ground truth {text.relative_to(tmp_path)}: AP of all faces" in out
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert set(record["ap"]) == {"all faces"}
    assert list(record["coverage"]["ground_truth_sha256"]) == ["wider_face_val_bbx_gt.txt"]
    refuse(*evaluate(*options, "lost"), match="no ground truth in lost: .* check --ground-truth")


def test_the_list_of_ixrts_layout_decides_what_ixrt_scoring_drops(run, tmp_path, widerface):
    """The same last batch is dropped as in IGIE's layout with a list of this order."""
    lists = {"val/wider_val.txt": "igie", "wider_val.txt": "ixrt"}
    order = [*IMAGES[5:], *IMAGES[:5]]
    (widerface / "val/wider_val.txt").unlink()
    kept = []
    for name, folder in lists.items():
        (widerface / name).write_text("".join(f"{image}.jpg\n" for image in order))
        options = ["--widerface", widerface, "--scoring", "ixrt", "--batch", 4]
        assert run(*evaluate(*options, "--predictions", folder))[0] == 0
        names = json.loads((tmp_path / folder / "retinaface-images.json").read_text())
        kept.append(names["images"])
        (widerface / name).unlink()
    assert kept == [order[:8], order[:8]]

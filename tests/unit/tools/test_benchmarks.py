"""The benchmarks work on a tiny data set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import history, measure, plain, report
from benchmarks.together import Together, section
from retinaface.detection.detector import detect
from retinaface.detection.pipelines import PIPELINES, preprocess
from retinaface.errors import DatasetError
from retinaface.network.priors import prior_boxes
from retinaface.network.scenes import scene
from retinaface.widerface.average_precision import average_precision, count_set
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.predictions import official_form
from tests.support.made.widerface_copy import IMAGES, write_vendor_layout
from tests.support.widerface import Recorder

ROOT = Path(__file__).resolve().parents[3]


class Crowded(Recorder):
    """Many overlapping boxes, which depend on the image."""

    def _run(self, images):
        outputs = super()._run(images)
        for i, image in enumerate(images):
            rng = np.random.default_rng(int(abs(image).sum()) % 2**32)
            priors = rng.choice(4200, 200, replace=False)
            outputs.scores[i, priors, 1] = rng.uniform(0.01, 1, 200)
            outputs.loc[i] = rng.normal(0, 0.5, (4200, 4))
            outputs.landmarks[i] = rng.normal(0, 0.5, (4200, 10))
        return outputs


class Shifting(Crowded):
    """Gives other boxes at every call, so no two ways can agree."""

    n = 0

    def _run(self, images):
        outputs = super()._run(images)
        Shifting.n += 1
        outputs.loc[:] += 0.3 * Shifting.n
        return outputs


ENGINE = f"{__name__}:Crowded"


@pytest.fixture
def dataset(tmp_path):
    write_vendor_layout(tmp_path / "wf")
    (tmp_path / "wf/any.model").touch()
    return open_widerface(tmp_path / "wf")


def model_of(dataset):
    return dataset.root / "any.model"


def test_the_plain_priors_and_letterbox_agree_with_ours():
    np.testing.assert_array_equal(plain.priors(), prior_boxes(320, 320))
    for seed, (height, width) in enumerate([(160, 200), (500, 77), (320, 320), (333, 1000)]):
        image = scene(height, width, seed)
        tensor, _ = preprocess(image, PIPELINES["igie"])
        np.testing.assert_array_equal(plain.letterbox(image)[0], tensor)


def test_the_plain_way_gives_our_detections_and_ap(dataset, tmp_path):
    truth = dataset.select()
    watch = plain.Stopwatch()
    plain.detect(Crowded(), truth.images, dataset.read_bytes, tmp_path, watch, batch_size=4)
    theirs = plain.read(tmp_path, truth.images)
    stream = detect(Crowded(), PIPELINES["igie"], truth.images, dataset.read_bytes, batch_size=4)
    ours = {name: official_form(d.boxes_xyxy, d.scores) for name, d in stream}
    for name in truth.images:
        np.testing.assert_array_equal(theirs[name].boxes_xywh, ours[name].boxes_xywh)
        np.testing.assert_array_equal(theirs[name].scores, ours[name].scores)
    expected = average_precision(count_set(ours, truth))
    assert plain.evaluate(theirs, truth) == pytest.approx(expected, abs=1e-12)
    assert 0 < expected["hard"] < 1
    assert all(seconds > 0 for seconds in watch.seconds.values())


def test_end_to_end_times_every_way_in_turns(dataset, tmp_path):
    result = measure.end_to_end(
        dataset, dataset.select(), ENGINE, batch=4, turns=2, model=model_of(dataset)
    )
    assert result.n_images == len(IMAGES)
    assert {len(values) for values in result.seconds.values()} == {2}
    assert all(value > 0 for values in result.seconds.values() for value in values)
    assert result.unmatched == 0
    text = report.end_to_end_section(result)
    assert f"{len(IMAGES)} images, `{ENGINE}`, batch 4, 2 turns" in text
    assert "x the floor" in text
    assert "| inference |" in text
    report.plot(result, tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_timings_of_ways_that_disagree_are_not_reported(dataset):
    with pytest.raises(DatasetError, match="the plain way and ours disagree"):
        measure.end_to_end(
            dataset,
            dataset.select(),
            f"{__name__}:Shifting",
            batch=4,
            turns=1,
            model=model_of(dataset),
        )


def test_ratios_are_those_of_each_turn():
    seconds = {
        "floor decoding": [1.0, 2.0, 1.0],
        "floor inference": [1.0, 2.0, 3.0],
        "ours detection": [3.0, 5.0, 4.0],
        "ours evaluation": [1.0, 0.0, 0.0],
        "plain detection": [20.0, 30.0, 10.0],
        "plain evaluation": [20.0, 20.0, 10.0],
    }
    result = measure.EndToEnd(10, "any", 32, seconds)
    assert report.over_floor(result) == [1.5, 1.25, 1.0]
    assert report.faster_than_plain(result) == [10.0, 10.0, 5.0]
    assert report.ms(result, "floor inference") == 200
    assert report.spread([1.5, 1.0, 1.25]) == "1.25 (1.00 to 1.50)"


def test_a_section_replaces_the_text_between_its_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n")
    report.write_section("x", "new", path)
    assert path.read_text() == "a\n<!-- x -->\n\nnew\n<!-- /x -->\nb\n"
    with pytest.raises(ValueError, match="expected <!-- y -->"):
        report.write_section("y", "new", path)


def test_the_readme_of_the_benchmarks_has_its_sections():
    text = (ROOT / "benchmarks/README.md").read_text()
    for name in ("end-to-end", "scaling", "history"):
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- /{name} -->")


def test_the_listing_of_a_history_is_measured_cold_and_warm(tmp_path):
    measured = history.measure(tmp_path / "runs", 16, 2)
    assert measured.n_runs == 16
    assert (len(measured.warm_s), len(measured.one_new_s)) == (2, 2)
    assert "16 records: **" in history.section(measured)


def test_scaling_varies_one_thing_at_a_time():
    cells = measure.scaling_cells(2, 434)
    settings = [cell.setting for cell in cells]
    assert len({tuple(s.values()) for s in settings}) == len(settings)
    assert {s["images"] for s in settings} == {100, 434, 1000, 3226}
    assert {s["cores"] for s in settings} == {1, 2}
    assert {s["batch"] for s in settings} == {1, 2, 4, 8, 16, 32, 64}


def test_one_row_runs_in_a_process_of_its_own(dataset):
    cells = [measure.Cell(images=30, cores=1, batch=4, workers=1, threads=1)]
    # What this process holds is not the row's: more than a row of this size ever takes.
    held = np.ones(3 * 2**27)
    measured = measure.scale(cells, dataset.root, ENGINE, turns=1, model=model_of(dataset))
    assert measured[0].setting == cells[0].setting
    assert measured[0].ms[0] > 0
    assert 20 < measured[0].peak_mib[0] < 2000 < held.nbytes / 2**20
    assert "| 30 | 1 | 4 | 1 | 1 |" in report.scaling_section(measured, ENGINE)
    with pytest.raises(DatasetError, match=r"a run failed: .*"):
        measure.scale(cells, dataset.root, "no-such-engine", turns=1)


def test_an_error_of_the_command_line_is_one_line(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "end-to-end", "--widerface", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith("benchmarks: error: no WIDER FACE images in ")
    assert len(run.stderr.splitlines()) == 1


def test_one_row_is_json(dataset):
    command = [sys.executable, "-m", "benchmarks", "one", "--widerface", str(dataset.root)]
    command += ["--engine", ENGINE, "--images", "3", "--cores", "1", "--batch", "2"]
    command += ["--workers", "1", "--threads", "1", "--model", str(model_of(dataset))]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert set(json.loads(run.stdout)) == {"ms", "peak_mib"}


def test_one_pass_is_divided_by_what_its_own_turn_took():
    seconds = {
        "decoding": [1.0, 2.0, 1.0],
        "inference": [3.0, 6.0, 4.0],
        "inference in calls": [2.0, 2.0, 2.0],
        "together": [4.4, 8.0, 6.0],
        "alone": [8.8, 8.0, 9.0],
    }
    found = Together(100, "ort-cpu-fp32", ("igie", "ixrt"), seconds)
    assert found.ratios() == pytest.approx([1.1, 1.0, 1.2])
    text = section(found)
    assert "**1.10 (1.00 to 1.20) x one decoding and all inference, one call at a time**" in text
    assert "2.00 (1.47 to 2.00) x one decoding and all inference in calls at a time" in text
    assert "1.50 (1.00 to 2.00) x faster than the pipelines one after another" in text
    assert "| ours: one pass | 60.00 |" in text


@pytest.mark.alone
def test_memory_of_a_run_on_workers_is_watched():
    from benchmarks import cluster
    from retinaface.embedded import embedded_root
    from retinaface.widerface.dataset import open_widerface

    text = cluster.million(open_widerface(embedded_root()), 200, every_s=0.5)
    assert "200 images (67 repeated, decoded once in each worker)" in text
    assert "| s | client and scheduler, MiB | largest worker, MiB |" in text

"""The report as a whole: what it shows, that it needs nothing else, that no text becomes markup."""

import re
import sys

import numpy as np
import pytest

from retinaface.records.find import Unavailable
from retinaface.report import ReportError, write_report
from tests.support.made.records import IMAGES, RESULT, N, entry, make_run

HOSTILE = "<script>alert(1)</script>\"'&|`"
SPEED = {"speed": {"network": {"median_s": 0.11, "samples_s": [0.1, 0.11, 0.12] * 5}}}


class Dataset:
    """Grey images of any name."""

    def read_bytes(self, image):
        import cv2

        return cv2.imencode(".jpg", np.full((200, 300, 3), 128, np.uint8))[1].tobytes()


@pytest.fixture
def runs(tmp_path):
    """An old run, one that moved its boxes, one with odd words in every text."""
    tests = [entry("t::a", "FAIL", "line <one>\nline two"), entry("t::b", "SKIPPED", HOSTILE)]
    names = (*IMAGES[:-1], HOSTILE)
    return [
        make_run(tmp_path / "a", images=names, result=SPEED),
        make_run(tmp_path / "b", images=names, shift=20.0, result=SPEED),
        make_run(
            tmp_path / "c",
            hits=np.arange(N) > 20,
            images=names,
            shift=20.0,
            environment={"cpu": HOSTILE, "platform": HOSTILE},
            command=HOSTILE,
            tests=tests,
            verdict="FAIL",
        ),
    ]


@pytest.fixture
def written(runs, tmp_path):
    rows = [Unavailable("d", HOSTILE, "1.0", "3.11", f"none found {HOSTILE}")]
    output = tmp_path / "report.html"
    page = write_report(runs, rows, output, title=HOSTILE, dataset=Dataset(), n_images=2)
    html, markdown = (f.read_text() for f in (output, output.with_suffix(".md")))
    return page, html, markdown


def test_every_part_is_there(written):
    page, html, markdown = written
    assert str(page.verdict) == "FAIL"
    assert [name for name, _, _ in page.sentences] == ["a", "b", "c"]
    anchors = set(re.findall(r'<a href="#([\w-]+)"', html))
    assert anchors == {
        *[
            "matrix",
            "environment",
            "ap",
            "curves",
            "speed",
            "images",
            "scorecards",
            "tests",
            "skips",
            "made",
        ],
    }
    assert {a for a in anchors if html.count(f'id="{a}"') != 1} == set()
    assert html.count("<svg") >= 3  # AP, precision and recall, speed
    assert html.count("data:image/jpeg;base64,") == 2 * 2 * 2
    for text in (RESULT, "AP easy", "line two", "none found", "t::a"):
        assert text in html
    for text in (RESULT, "AP easy", "`t::a`", "none found"):
        assert text in markdown


def test_it_needs_nothing_else(written):
    _, html, _ = written
    assert not re.search(r"<(script|link(?! rel=\"icon\" href=\"data:,\")|iframe|object)\b", html)
    assert not re.search(r"""(?:src|href)=(?!["'](?:#|data:))""", html)
    assert not re.search(r"url\((?!#)|@import|\son\w+=", html)


def test_no_text_becomes_markup(written):
    _, html, markdown = written
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    for line in tables:
        n_cells = len(re.split(r"(?<!\\)\|", line)) - 2
        assert n_cells >= 2
    assert "<script" not in markdown


def test_engines_stand_side_by_side_where_there_are_two(tmp_path):
    other = RESULT.replace("fp32", "fp16")
    runs = [make_run(tmp_path / "a")]
    half = make_run(tmp_path / "b", ids=(other,), result={"engine": {"name": other[:12]}})
    for names, is_there in ((runs, False), ([*runs, half], True)):
        output = tmp_path / f"{len(names)}.html"
        write_report(names, [], output, title="t")
        assert ('id="engines"' in output.read_text()) is is_there


def test_one_run_alone_has_a_report_too(tmp_path):
    output = tmp_path / "one.html"
    page = write_report([make_run(tmp_path / "a")], [], output, title="one")
    assert str(page.verdict) == "PASS"
    assert page.card is not None
    assert page.pictures == []
    html = output.read_text()
    # What has nothing to show has no heading.
    assert set(re.findall(r'<h2 id="(\w+)"', html)) == {
        *("figures", "environment", "made", "curves", "matrix")
    }


def test_weights_that_one_run_does_not_name_are_not_known_and_no_difference(tmp_path):
    weights = {"weights": {"sha256": "a" * 64}}
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", target=weights)]
    output = tmp_path / "r.html"
    write_report(runs, [], output, title="t")
    html = output.read_text()
    assert "Differs in: nothing that both runs describe; not known for a: weights</p>" in html
    assert "b: The environments are the same, as far as both runs describe them." in html
    assert "Not known for a: weights." in output.with_suffix(".md").read_text()


def test_without_images_the_changes_are_listed_without_pictures(runs, tmp_path):
    output = tmp_path / "r.html"
    page = write_report(runs[:2], [], output, title="t", n_images=3)
    assert len(page.pictures) == 3
    assert "base64," not in output.read_text()
    assert page.pictures[0].image in output.read_text()


def test_a_missing_library_is_named_with_the_command(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "retinaface.report.render", raising=False)
    with pytest.raises(ReportError, match=r"jinja2.*pip install -e \"\.\[report\]\""):
        write_report(runs, [], tmp_path / "r.html", title="t")
    assert not (tmp_path / "r.html").exists()


def test_the_same_runs_give_the_same_report(runs, tmp_path):
    files = [tmp_path / "1.html", tmp_path / "2.html"]
    for file in files:
        write_report(runs, [], file, title="t")
    assert files[0].read_bytes() == files[1].read_bytes()

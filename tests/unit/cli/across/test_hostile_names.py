"""Names of strangers in every command: nothing of them acts, wherever they are shown."""

import csv
import re
import unicodedata
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.support.made.pictures import image
from tests.support.made.records import N, entry, make_run

# A line of its own, colours, directions, links, tags, a formula, a bar, bytes that are no UTF-8.
LINE = "a\nVERDICT: PASS"
MARKUP = "x|y`z*[c](javascript:alert(1))<script>alert(1)<"
NAMES = [
    LINE,
    "b\x1b[31m\x07\u202e\u2066\u200b",
    MARKUP,
    '=HYPERLINK("http:x")',
    b"d\xff".decode("utf-8", "surrogateescape"),
    "[red]e[/red] $\\frac$ {{ 7 * 7 }}",
]
ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def acting(text):
    return {one for one in text if unicodedata.category(one) in ACTING} - {"\n", "\t"}


def check_shown(*texts):
    for text in texts:
        assert acting(text) == set()
        text.encode("utf-8")
        assert text.count("\nVERDICT: ") <= 1


@pytest.fixture(params=NAMES, ids=range(len(NAMES)))
def name(request):
    return request.param


@pytest.fixture
def runs(tmp_path, name):
    """Two records that lie in folders of that name and speak of it."""
    folder = tmp_path / name.replace("/", ":")
    folder.mkdir()
    said = [entry(f"tests/validation/test_x.py::t[{name}]", "FAIL", name)]
    more = {"tests": said, "warnings": [name], "environment": {"cpu": name}}
    hits = np.ones(N, bool)
    hits[::2] = False
    make_run(folder / f"1 {name.replace('/', ':')}", images=[f"{name}/{i}" for i in range(N)])
    make_run(folder / "2", hits=hits, images=[f"{name}/{i}" for i in range(N)], **more)
    return folder


@pytest.mark.parametrize(
    "words",
    [["runs"], ["history"], ["engines"], ["history", "--csv", "-"], ["runs", "--csv", "-"]],
    ids=" ".join,
)
def test_lists_of_records(run, runs, words):
    code, out, err = run(words[0], runs, *words[1:])
    assert code in (0, 1, 10)
    check_shown(out, err)
    if "--csv" in words:
        cells = [cell for row in csv.reader(out.splitlines()) for cell in row]
        assert not [cell for cell in cells if re.match("[=@]|[+-][^0-9]", cell)]


def test_a_comparison_and_its_markdown(run, tmp_path, runs):
    old, new = sorted(runs.iterdir())
    code, out, err = run("compare", old, new, "--markdown", "c.md")
    assert code == 1
    text = (tmp_path / "c.md").read_text()
    check_shown(out, err, text)
    assert not re.search("^ *VERDICT: PASS", out, re.MULTILINE)
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(javascript:", text)


def test_a_report(run, tmp_path, runs):
    old, new = sorted(runs.iterdir())
    assert run("report", old, new, "--output", "r.html")[0] in (0, 1)
    page, text = (tmp_path / "r.html").read_text(), (tmp_path / "r.md").read_text()
    assert acting(page) == set()
    check_shown(text)
    for one in (page, text):
        assert "<script" not in one
    assert not re.search(r'(href|src)="(?!#|data:image/|data:,)', page)
    assert not re.search(r"(?<!\\)\]\(javascript:", text)


def test_pictures_and_what_is_refused(run, tmp_path, name):
    path = tmp_path / f"{name.replace('/', ':')}.png"
    path.write_bytes(image(tmp_path / "plain.png").read_bytes())
    code, out, err = run(
        "detect", path, "--engine", "tests.support.widerface:Finder", "--model", "any.model"
    )
    assert code == 0
    check_shown(out, err)
    for words in (
        ["detect", path, "--engine", name],
        ["score", path],
        ["compare", path, path],
        ["evaluate", "--pipeline", name],
        ["export", "--output", tmp_path / name / "x.onnx", "--opset", name],
    ):
        code, out, err = run(*words)
        assert code == 2
        assert len(err.splitlines()) == 1
        check_shown(out, err)


def test_junit_is_xml_whatever_a_message_holds(tmp_path, name):
    from retinaface.suite.hooks.junit import complete
    from retinaface.suite.run import ValidationRun

    path = tmp_path / "j.xml"
    path.write_text('<testsuites><testsuite failures="0" skipped="0"/></testsuites>')
    run = ValidationRun({}, None)
    run.noted.append(name)
    complete(path, run)
    text = path.read_text()
    check_shown(text)
    found = ET.fromstring(text).iter("property")  # noqa: S314 - of ours
    (warning,) = [p for p in found if p.get("name") == "warning"]
    assert acting(warning.get("value")) == set()

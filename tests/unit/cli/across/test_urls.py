"""Images and records in S3: what comes out is what comes out on a disk."""

import json

import pytest

from retinaface.cli.supervision.answer import folder_of
from retinaface.cli.validate import _absolute
from retinaface.storage.connection import connect
from retinaface.storage.location import Url
from tests.support.servers.s3 import running_s3, settings_of_s3

pytestmark = pytest.mark.needs("s3")

FINDER = ["--engine", "tests.support.widerface:Finder", "--model", "any.model"]
EVALUATE = ["evaluate", "--pipeline", "igie", *FINDER]


@pytest.fixture(scope="module")
def s3():
    with running_s3() as endpoint, settings_of_s3(endpoint):
        files, _ = connect(Url("s3://any"))
        files.mkdir("bucket")
        yield files


@pytest.fixture
def stored(s3, widerface):
    """Put a data set there, and remove everything afterwards."""
    s3.put(str(widerface), "bucket/wider", recursive=True)
    yield "s3://bucket/wider"
    s3.rm("bucket/*", recursive=True)


def test_an_evaluation_by_url_is_that_on_a_disk_and_its_record_too(
    run, refuse, tmp_path, widerface, stored
):
    code, here, _ = run(*EVALUATE, "--widerface", widerface, "--output", "here")
    assert code == 0
    record = "s3://bucket/runs/there"
    code, there, _ = run(*EVALUATE, "--widerface", stored, "--output", record)
    assert code == 0
    assert here.splitlines()[0] == there.splitlines()[0]
    assert f"record: {record}" in there
    code, out, _ = run("compare", "here", record, "--json", "c.json")
    assert code in (0, 10), out
    (compared,) = json.loads((tmp_path / "c.json").read_text())["comparisons"]
    assert {metric["verdict"] for metric in compared["metrics"]} <= {"PASS", None}
    assert compared["new"]["name"] == "there"
    results = [json.loads((tmp_path / "here/record.json").read_text())["results"][0]]
    files, _ = connect(Url(record))
    results.append(json.loads(files.cat_file("bucket/runs/there/record.json"))["results"][0])
    for key in ("ap", "n_detections", "image_files_sha256"):
        assert results[0][key] == results[1][key]
    assert files.cat_file("bucket/runs/there/counts.npz")
    refuse(*EVALUATE, "--widerface", stored, "--output", record, match="is not empty; name a new")


def test_records_by_url_are_listed_reported_and_judged(run, tmp_path, widerface, stored):
    for name in ("one", "two"):
        run(*EVALUATE, "--widerface", widerface, "--output", f"s3://bucket/runs/{name}")
    code, out, _ = run("runs", "s3://bucket/runs", "--json", "r.json")
    assert code == 0, out
    rows = json.loads((tmp_path / "r.json").read_text())["runs"]
    assert [row["path"] for row in rows] == ["s3://bucket/runs/one", "s3://bucket/runs/two"]
    report = ["report", "s3://bucket/runs/one", "s3://bucket/runs/two", "--widerface", stored]
    code, out, _ = run(*report, "--output", "report.html")
    assert code == 0, out
    assert (tmp_path / "report.html").is_file()
    code, out, _ = run("history", "s3://bucket/runs", "--json", "h.json")
    assert code == 0, out
    assert "s3://bucket/runs" in out
    assert ".scratch" not in (tmp_path / "h.json").read_text()


def test_predictions_are_scored_with_ground_truth_by_url(run, tmp_path, widerface, stored):
    run(*EVALUATE, "--widerface", widerface, "--predictions", "p", "--json", "e.json")
    more = ["--record", "s3://bucket/scored", "--json", "s.json"]
    code, out, _ = run("score", "p", "--widerface", stored, *more)
    assert code == 0, out
    named, score = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "es")
    assert named["ap"] == score["ap"]
    code, out, _ = run("runs", "s3://bucket/scored")
    assert code == 0, out


def test_the_child_of_validate_gets_the_whole_address_and_a_folder_that_is_sent(s3):
    """Its arguments are no message; what it is told to show is."""
    url = Url("s3://bucket/validated?version=1")
    assert _absolute("widerface", url) == url.address
    with folder_of(Url("s3://bucket/validated")) as folder:
        (folder / "record.json").write_text("{}")
    assert s3.find("bucket/validated") == ["bucket/validated/record.json"]
    with folder_of(None) as folder:
        assert not folder.exists()


def test_what_is_wrong_is_one_line_and_shows_no_secret(refuse, stored):
    refuse("compare", "s3://bucket/none", "s3://bucket/none", match="cannot list s3://bucket/none")
    refuse(
        *EVALUATE, "--widerface", "s3://none/wider", match="cannot list s3://none/wider: .*bucket"
    )
    refuse(
        *(*EVALUATE, "--widerface", stored, "--output", "nonsense://me:secret@host/x?token=secret"),
        match=r"cannot open nonsense://me:\.\.\.@host/x\?\.\.\.: .*Protocol not known",
    )

import copy
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinaface.baselines.entries import (
    KEYS,
    Entry,
    content_sha256,
    find_entries,
    load_baselines,
    merge_entries,
    write_baseline,
)
from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import BaselineError
from retinaface.storage.hashing import file_sha256
from tests.support.made.baselines import SHA, accuracy, timing

PUBLISHED = {"kind": "published", "by": "the vendor"}


def key_of(data, **changes):
    return {name: data.get(name) for name in KEYS[data["metric"]]} | changes


def entries(*data, path="amd/ort.json"):
    return [Entry(one, Path(path)) for one in data]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "amd" / "ort-1.31.json"


@pytest.fixture
def edit(path):
    """Change the content of a written file, with or without a new hash."""
    path.parent.mkdir()
    write_baseline(path, [accuracy(), timing()])

    def change(function, *, sealed):
        content = json.loads(path.read_text())
        function(content)
        if sealed:
            content["content_sha256"] = content_sha256(content)
        path.write_text(json.dumps(content))
        return content

    return change


def test_written_entries_are_read_back(path):
    path.parent.mkdir()
    data = [timing(), accuracy(precision="fp16"), accuracy()]
    write_baseline(path, data)
    read = load_baselines(path)
    assert [(e.data["metric"], e.data["precision"]) for e in read] == [
        ("accuracy", "fp16"),
        ("accuracy", "fp32"),
        ("speed", "fp32"),
    ]
    assert [dict(e.data) for e in read] == [data[1], data[2], data[0]]
    assert {e.path for e in read} == {path}
    content = json.loads(path.read_text())
    assert (content["device"], content["sdk"]) == ("amd", "ort-1.31")
    assert str(read[2]) == "speed igie fp32 batch 8 in amd/ort-1.31.json"


@settings(max_examples=10)
@given(st.permutations([accuracy(), accuracy(precision="fp16"), timing(), timing(batch=1)]))
def test_the_order_of_entries_changes_no_byte(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "order"
    folder.mkdir(exist_ok=True)
    write_baseline(folder / "a.json", data)
    first = (folder / "a.json").read_bytes()
    write_baseline(folder / "a.json", data[::-1])
    assert (folder / "a.json").read_bytes() == first


def test_a_folder_gives_every_file_but_candidates(path, tmp_path):
    for name in ("amd/a.json", "any/b.json", "amd/a.candidate.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_baseline(tmp_path / name, [accuracy()])
    (tmp_path / "README.json").write_text("no baseline")
    assert [e.path.name for e in load_baselines(tmp_path)] == ["a.json", "b.json"]
    assert json.loads((tmp_path / "amd/a.candidate.json").read_text())["sdk"] == "a"


@pytest.mark.parametrize(
    "function",
    [
        lambda c: c["entries"][0]["value"].update(hard=40.1),
        lambda c: c["entries"][0]["tolerance"].update(ap_points=5),
        lambda c: c["entries"][1].update(value=1.0),
        lambda c: c["entries"][0].update(reason="because I say so"),
        lambda c: c["entries"].pop(),
        lambda c: c.update(device="nvidia"),
    ],
    ids=["value", "tolerance", "speed", "reason", "entry", "device"],
)
def test_an_edit_by_hand_is_refused_and_shows_both_hashes(edit, path, function):
    content = edit(function, sealed=False)
    message = (
        f"baseline {path} was edited by hand: expected content hash "
        f"{content['content_sha256'][:16]}, got {content_sha256(content)[:16]}; "
        "restore it (git checkout), or accept"
    )
    with pytest.raises(BaselineError, match=re.escape(message)):
        load_baselines(path)


def test_another_layout_of_the_same_content_is_not_an_edit(edit, path):
    content = edit(lambda _: None, sealed=False)
    path.write_text(json.dumps(dict(reversed(content.items())), indent=8))
    assert len(load_baselines(path)) == 2


def test_a_baseline_that_identifies_images_by_name_alone_is_refused(edit, path):
    edit(lambda c: c.update(schema_version=1), sealed=True)
    with pytest.raises(BaselineError, match="version 1 identifies images by name alone"):
        load_baselines(path)


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (lambda c: c["entries"][0].update(metric="beauty"), "$.entries[0].metric"),
        (lambda c: c["entries"][0]["value"].pop("easy"), "$.entries[0].value"),
        (lambda c: c["entries"][0].update(device="AMD EPYC"), "$.entries[0].device"),
        (lambda c: c["entries"][0].update(images_sha256="abc"), "$.entries[0].images_sha256"),
        (lambda c: c["entries"][0].pop("source"), "`source` - at `$.entries[0]"),
        (
            lambda c: c["entries"][0]["source"].update(accepted_because=""),
            "[0].source.accepted_because",
        ),
        (lambda c: c["entries"][0].update(reason="so"), "$.entries[0].reason"),
        (
            lambda c: c["entries"][0]["tolerance"].update(ap_points=0),
            "[0].tolerance.ap_points",
        ),
        (lambda c: c["entries"][0].update(detections={"file": "../x.npz"}), "$.entries[0].det"),
        (
            lambda c: c["entries"][1]["tolerance"].update(relative=1),
            "[1].tolerance.relative",
        ),
        (lambda c: c["entries"][1].update(typo=1), "`typo` - at `$.entries[1]"),
        (lambda c: c["entries"].clear(), "$.entries"),
        (lambda c: c.update(schema_version=3), "$.schema_version"),
        (lambda c: c.pop("sdk"), "missing required field `sdk`"),
    ],
    ids=["metric", "split", "slug", "sha256", "no-source", "no-words", "short-reason", "delta"]
    + ["outside", "band", "typo", "no-entries", "version", "no-sdk"],
)
def test_content_outside_the_schema_is_refused_with_its_place(edit, path, function, place):
    edit(function, sealed=True)
    message = f"cannot use baseline {path}: .*{re.escape(place)}.*; baselines/README.md describes"
    with pytest.raises(BaselineError, match=message):
        load_baselines(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", None], ids=["empty", "cut", "binary", "missing"]
)
def test_an_unreadable_file_is_refused(tmp_path, content):
    path = tmp_path / "b.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BaselineError, match=f"cannot read baseline {path}: .*check --baseline"):
        load_baselines(path)


def test_entries_that_do_not_fit_the_schema_are_not_written(path):
    path.parent.mkdir()
    with pytest.raises(BaselineError, match=f"cannot write baseline {path}: "):
        write_baseline(path, [accuracy(), accuracy(value={"easy": 1.0})])
    assert list(path.parent.iterdir()) == []


def test_every_published_pipeline_can_have_a_baseline(path):
    path.parent.mkdir()
    write_baseline(path, [accuracy(pipeline=name) for name in PIPELINES])
    assert len(load_baselines(path)) == len(PIPELINES)


def test_detections_are_sealed_too(path):
    path.parent.mkdir()
    stored = path.parent / "d.npz"
    stored.write_bytes(b"detections")
    described = {"file": "d.npz", "sha256": file_sha256(stored)}
    write_baseline(path, [accuracy(detections=described)])
    (entry,) = load_baselines(path)
    assert entry.detections_path == stored
    stored.write_bytes(b"other")
    message = "the baseline's detections .*d.npz have changed: expected sha256 "
    with pytest.raises(BaselineError, match=message + described["sha256"][:16]):
        load_baselines(path)
    stored.unlink()
    with pytest.raises(BaselineError, match="are missing: .*; restore them: git checkout -- "):
        load_baselines(path)


def test_an_entry_names_its_source():
    run, published = entries(accuracy(), accuracy(source=PUBLISHED))
    assert not run.is_published
    assert published.is_published
    assert published.detections_path is None


@pytest.mark.parametrize("data", [accuracy(device="amd"), timing()], ids=["accuracy", "speed"])
def test_every_key_must_agree(data):
    metric, other = data["metric"], {"images_sha256": SHA["c"], "weights_sha256": SHA["c"]}
    (entry,) = entries(data)
    found = find_entries([entry], metric, key_of(data), strict=False)
    assert (found.comparable, found.nearest) == ([entry], None)
    for name in KEYS[metric]:
        wrong = other.get(name, "another")
        found = find_entries([entry], metric, key_of(data, **{name: wrong}), strict=True)
        assert found.comparable == []
        assert found.nearest == (entry, {name: (data[name], wrong)})


@pytest.mark.parametrize(
    ("data", "name", "is_open"),
    [
        (accuracy(device="any"), "device", True),
        (accuracy(precision="any"), "precision", True),
        (accuracy(weights_sha256=None), "weights_sha256", True),
        (accuracy(images_sha256=None), "images_sha256", True),
        (timing(engine=None), "engine", True),
        (timing(batch=None), "batch", False),
        (timing(timed=None), "timed", False),
        (accuracy(pipeline="any"), "pipeline", False),
        (accuracy(n_images=None), "n_images", False),
    ],
    ids=["device", "precision", "weights", "images", "engine", "batch", "timed", "pipeline", "n"],
)
def test_an_open_key_of_an_entry_applies_to_any_run(data, name, is_open):
    found = find_entries(entries(data), data["metric"], key_of(data, **{name: "x"}), strict=True)
    assert bool(found.comparable) is is_open


def test_accuracy_is_never_compared_with_speed():
    found = find_entries(entries(timing()), "accuracy", key_of(accuracy()), strict=True)
    assert (found.comparable, found.nearest) == ([], None)


def test_entries_of_the_device_come_before_those_of_any():
    any_, own = entries(accuracy(device="any"), path="any/a.json"), entries(accuracy(device="amd"))
    found = find_entries([*any_, *own], "accuracy", key_of(accuracy(device="amd")), strict=False)
    assert found.comparable == [*own, *any_]


def test_entries_of_the_same_runtime_come_first_then_the_latest():
    def accepted(runtime, created):
        data = accuracy()
        data["source"] = {**data["source"], "runtime": runtime, "created": created}
        return entries(data, path=f"any/{runtime}.json")[0]

    old, new, newer = (accepted(f"sdk {n}", f"2026-0{n}-01T00:00:00+00:00") for n in (1, 2, 3))
    key = key_of(accuracy())

    def order(runtime):
        found = find_entries([old, new, newer], "accuracy", key, strict=False, runtime=runtime)
        return list(found.comparable)

    assert order("sdk 1") == [old, newer, new]
    assert order("sdk 9") == order(None) == [newer, new, old]


@pytest.mark.parametrize("strict", [True, False])
def test_only_a_file_named_for_the_run_is_near_across_pipelines(strict):
    key = key_of(accuracy(), pipeline="ixrt")
    found = find_entries(entries(accuracy()), "accuracy", key, strict=strict)
    assert found.comparable == []
    expected = {"pipeline": ("igie", "ixrt")} if strict else None
    assert (found.nearest and found.nearest[1]) == expected


def test_the_nearest_differs_least():
    far, near = entries(accuracy(n_images=3226, images_sha256=SHA["c"]), accuracy(n_images=3226))
    found = find_entries([far, near], "accuracy", key_of(accuracy()), strict=False)
    assert found.nearest == (near, {"n_images": (3226, 434)})
    found = find_entries([far, *entries(accuracy())], "accuracy", key_of(accuracy()), strict=True)
    assert found.nearest is None  # something is comparable


def test_merging_replaces_equal_keys_and_keeps_the_rest():
    old = [accuracy(), accuracy(pipeline="ixrt"), accuracy(n_images=3226), timing()]
    new = [accuracy(value={"easy": 1, "medium": 2, "hard": 3}), timing(batch=1)]
    kept = copy.deepcopy(old)
    assert merge_entries(old, new) == [*kept[1:], *new]
    assert merge_entries([], new) == new

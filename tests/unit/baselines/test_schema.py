"""The types of a baseline file accept valid entries and name the place of an error."""

import json
from pathlib import Path

import pytest

from retinaface.baselines.schema import check_schema
from tests.support.made.baselines import accuracy, timing

ROOT = Path(__file__).resolve().parents[3]
SHA256 = "0" * 64


def content(*entries):
    head = {"schema_version": 2, "device": "any", "sdk": "ort-1.0", "content_sha256": SHA256}
    return {**head, "entries": list(entries)}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "baselines").glob("*/*.json")), ids=lambda p: p.stem
)
def test_every_baseline_of_the_repository_is_valid(path):
    check_schema(json.loads(path.read_text()))


def test_one_file_may_hold_both_kinds_of_entries():
    check_schema(content(accuracy(), timing()))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (accuracy(timed="network"), "unknown field `timed`"),
        (timing(n_images=3), "unknown field `n_images`"),
        (accuracy(batch=None), r"Expected `int`, got `null` - at `\$.entries\[0\].batch`"),
        (timing(value=0), r"Expected `float` > 0.0 - at `\$.entries\[0\].value`"),
        (accuracy(value={"easy": "80"}), "Expected `float`, got `str`"),
    ],
)
def test_an_invalid_entry_is_refused_with_its_place(entry, message):
    with pytest.raises(ValueError, match=message):
        check_schema(content(entry))

"""A baseline whose limits nothing could exceed is refused with the field."""

import json
import math
import re

import pytest

from retinaface.baselines.entries import content_sha256, load_baselines, write_baseline
from retinaface.baselines.sanity import problems
from retinaface.errors import BaselineError
from tests.support.made.baselines import accuracy, timing


def tolerance(**changes):
    entry = accuracy()
    return entry | {"tolerance": entry["tolerance"] | changes}


def sealed(folder, entry):
    """Write an entry as somebody does who changes a file and its hash."""
    path = folder / "any" / "b.json"
    path.parent.mkdir()
    write_baseline(path, [timing(), accuracy()])
    content = json.loads(path.read_text())
    content["entries"][0] = entry
    content["content_sha256"] = content_sha256(content)
    path.write_text(json.dumps(content))
    return path


def test_what_the_suite_writes_has_no_problem():
    for entry in (accuracy(), timing(), tolerance(ap_points=39.9, n_confident=433)):
        assert list(problems(entry)) == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (tolerance(ap_points=100), "tolerance/ap_points: got 100, expected less than 40"),
        (tolerance(ap_points=40), "the AP of hard: a detector that finds nothing would pass"),
        (tolerance(unmatched_share=1), "tolerance/unmatched_share: got 1, expected less than 1"),
        (tolerance(unexplained_share=1), "tolerance/unexplained_share: got 1"),
        (tolerance(n_confident=434), "tolerance/n_confident: got 434, expected less than 434"),
        (accuracy(images_sha256=None), "images_sha256: got null, expected the hash"),
        (accuracy(reason=" " * 12), "reason: got ' +', expected words"),
        (timing(reason="\t" * 12), "reason: got .* expected words"),
        (accuracy(reason=""), r"length >= 10 - at `\$.entries\[0\].reason`"),
        (
            tolerance(unmatched_share=100),
            r"<= 1.0 - at .*unmatched_share`",
        ),
        (accuracy(value={"easy": 180, "medium": 70, "hard": 40}), r"<= 100.0 - at .*value.easy`"),
        (accuracy(value={"easy": math.nan, "medium": 70, "hard": 40}), "not JSON compliant"),
        (accuracy(n_images=0), r">= 1 - at `\$.entries\[0\].n_images`"),
        (tolerance(ap_points=math.inf), "not JSON compliant"),
    ],
)
def test_what_nothing_could_exceed_is_refused_with_its_field(tmp_path, entry, message):
    with pytest.raises(BaselineError, match="cannot use baseline .*b.json: ") as caught:
        load_baselines(sealed(tmp_path, entry))
    assert re.search(message, str(caught.value))

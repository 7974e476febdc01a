"""What the page says of the smallest faults that are caught is still so."""

from __future__ import annotations

import json

import pytest

from tests.support.runs import ROOT
from tools.what_it_catches.kinds import KINDS
from tools.what_it_catches.measure import measure

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx", "onnxsim")
ROWS = json.loads((ROOT / "docs" / "what-it-catches.json").read_text())["kinds"]
# Cheap ones that no clock and no memory decides.
AGAIN = [kind for kind in KINDS if kind.name in {"boxes_fp16", "shift_px", "small_scores"}]
IDS = [kind.name for kind in AGAIN]


def at_the_limit(kind):
    """Give the smallest size that was caught, and the one below it."""
    i = kind.sizes.index(ROWS[kind.name]["smallest_caught"])
    return kind.sizes[i - 1 : i + 1]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    tried = [(kind, size) for kind in AGAIN for size in at_the_limit(kind)]
    return measure(tried, tmp_path_factory.mktemp("sizes"))


@pytest.mark.parametrize("kind", AGAIN, ids=IDS)
def test_the_smallest_fault_of_the_page_is_caught_by_the_test_it_names(kind, found):
    size = at_the_limit(kind)[1]
    red = ROWS[kind.name]["red"][kind.sizes.index(size)]
    assert red != []
    assert found[kind, size].red == red


@pytest.mark.parametrize("kind", AGAIN, ids=IDS)
def test_the_next_smaller_fault_is_judged_as_on_the_page(kind, found):
    size = at_the_limit(kind)[0]
    undecided = ROWS[kind.name]["inconclusive"][kind.sizes.index(size)]
    assert found[kind, size] == ([], undecided)

"""Figures in words read as a person would say them."""

import pytest

from retinaface.telling.words import count


@pytest.mark.parametrize(("n", "text"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs")])
def test_one_thing_is_singular(n, text):
    assert count(n, "run") == text

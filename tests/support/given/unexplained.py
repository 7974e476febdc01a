"""Leaves out the search for the layer that starts a drift, in runs over many faulty engines.

A pytest plugin, `-p tests.support.given.unexplained`. The search takes seconds for each engine that
fails, and comes after the verdict, which it does not change.
"""

from __future__ import annotations


def pytest_configure() -> None:
    """Let checks that failed say what they say without it."""
    from retinaface.suite.judged.outputs import Explainer

    Explainer.explain = lambda _self, check, *_case, **_precision: check

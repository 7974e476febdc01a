from types import SimpleNamespace

import pytest

from retinaface.suite.hooks.stash import last_option, option


def config(**values):
    return SimpleNamespace(getoption=values.get)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("RETINAFACE_ENGINE", "a, b")
    monkeypatch.setenv("RETINAFACE_BATCH", "7")


def test_the_command_line_goes_before_the_environment():
    assert option(config(engine=["c"]), "engine") == ["c"]
    assert option(config(engine=[]), "engine") == ["a", "b"]
    assert option(config(batch="3"), "batch") == ["3"]
    assert option(config(), "batch") == ["7"]


def test_what_is_given_once_is_one_value():
    assert last_option(config(), "batch") == "7"
    assert last_option(config(), "subset") is None

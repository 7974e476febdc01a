from types import SimpleNamespace

from retinaface.suite.hooks.stash import SETTINGS, last_option, option
from retinaface.suite.settings.given import Settings, Value

SET = Settings(values={"engine": Value(("a", "b"), ""), "engine-file": Value(("c.so",), "")})


def config(**values):
    return SimpleNamespace(getoption=values.get, stash={SETTINGS: SET})


def test_the_command_line_goes_before_what_is_set():
    assert option(config(engine=["c"]), "engine") == ["c"]
    assert option(config(engine=[]), "engine") == ["a", "b"]
    assert option(config(engine_file="d.so"), "engine_file") == ["d.so"]
    assert option(config(), "engine_file") == ["c.so"]


def test_what_is_given_once_is_one_value():
    assert last_option(config(), "engine_file") == "c.so"
    assert last_option(config(), "subset") is None

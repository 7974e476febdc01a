from types import SimpleNamespace

from retinaface.suite.plugin import PLUGINS, pytest_addoption, register
from tests.support.made.small_suites import PASSES

pytest_plugins = ["pytester"]


def test_every_plugin_is_registered_once():
    registered = []
    manager = SimpleNamespace(
        register=registered.append, is_registered=lambda module: module in registered
    )
    register(manager)
    pytest_addoption(manager)  # as the plugin of a run whose conftest.py registers them too
    assert registered == list(PLUGINS)
    assert len(set(PLUGINS)) == len(PLUGINS)


def test_a_session_has_the_options_of_all(session):
    arguments = ["--quick", "--engine=ort-cpu-fp32", "--events=events.jsonl"]
    result, _ = session(PASSES, arguments=arguments)
    assert result.ret != 4  # not a usage error

import json
import signal

from retinaface.environment import (
    describe_environment,
    n_usable_cpus,
    package_versions,
    signal_name,
)


def test_the_environment_is_json_and_names_the_processor():
    described = json.loads(json.dumps(describe_environment()))
    assert described["cpu"]
    assert described["n_cpus"] == n_usable_cpus() >= 1


def test_versions_leave_out_what_is_not_installed():
    assert set(package_versions(["numpy", "no-such-package"])) == {"numpy"}


def test_a_signal_is_told_by_its_name_where_it_has_one():
    assert signal_name(signal.SIGKILL) == "SIGKILL"
    assert signal_name(signal.SIGRTMIN + 1) == f"signal {signal.SIGRTMIN + 1}"

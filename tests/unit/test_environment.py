import json
import re
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.environment import (
    describe_environment,
    n_usable_cpus,
    package_versions,
    result_device,
    signal_name,
    slug,
    vnni,
)


def test_the_environment_is_json_and_names_the_processor():
    described = json.loads(json.dumps(describe_environment()))
    assert described["cpu"]
    assert described["n_cpus"] == n_usable_cpus() >= 1


def test_versions_leave_out_what_is_not_installed():
    assert set(package_versions(["numpy", "no-such-package"])) == {"numpy"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AMD EPYC 7R13 @ 2.6", "amd-epyc-7r13-2.6"),
        ("onnxruntime 1.31.1", "onnxruntime-1.31.1"),
        ("../../etc", "etc"),
        ("Intel(R) Xeon(R)", "intel-r-xeon-r"),
        ("...", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_slug_is_a_safe_file_name(text, expected):
    assert slug(text) == expected


@given(st.text())
def test_a_slug_fits_the_schema_and_stays(text):
    result = slug(text)
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", result)
    assert slug(result) == result


def test_the_device_of_int8_has_its_instructions():
    """Without them sums of products saturate, so a baseline of one holds for no other."""
    gpu = {"device": "cuda", "device_name": "NVIDIA H100"}
    assert result_device(gpu) == "nvidia-h100"
    assert result_device(gpu | {"int8_instructions": "none"}) == "nvidia-h100-int8-none"
    several = {"int8_instructions": "avx512_vnni, amx_int8"}
    assert result_device(gpu | several) == "nvidia-h100-int8-avx512-vnni-amx-int8"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["avx2", "fma"], "none"),
        ([], "none"),
        (["avx2", "avx512_vnni", "amx_int8"], "avx512_vnni, amx_int8"),
        (["asimddp", "neon"], "asimddp"),
    ],
)
def test_instructions_for_sums_of_int8_are_named(monkeypatch, flags, named):
    monkeypatch.setattr("retinaface.environment.cpu_flags", lambda: flags)
    assert vnni() == named


def test_a_signal_is_named_if_it_has_a_name():
    assert signal_name(signal.SIGKILL) == "SIGKILL"
    assert signal_name(signal.SIGRTMIN + 1) == f"signal {signal.SIGRTMIN + 1}"

import re
from pathlib import Path

import pytest

from retinaface.suite.options import TargetError
from retinaface.suite.settings.known import KNOWN
from retinaface.suite.settings.variables import check_environment, values_from, variable

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RETINAFACE_ENGIN", "did you mean RETINAFACE_ENGINE?"),
        ("RETINAFACE_ENGINES", "did you mean RETINAFACE_ENGINE?"),
        ("RETINAFACE_WIDERFASE", "did you mean RETINAFACE_WIDERFACE?"),
        ("RETINAFACE_PROTOCOLL", "did you mean RETINAFACE_PROTOCOL?"),
        ("RETINAFACE_CONFG", "did you mean RETINAFACE_CONFIG?"),
        (
            "RETINAFACE_XYZ_XYZ_XYZ",
            "expected RETINAFACE_ and the name of an option, as in RETINAFACE_ENGINE_FILE",
        ),
    ],
)
def test_a_variable_that_changes_nothing_is_refused_with_a_hint(name, hint):
    message = re.escape(f"unknown environment variable {name}; {hint}")
    with pytest.raises(TargetError, match=message):
        check_environment({"PATH": "x", "RETINAFACE_BATCH": "3", name: "1"})


def test_every_variable_that_is_read_is_known():
    """Variables that other modules read are known too."""
    sources = [*(ROOT / "retinaface").rglob("*.py"), ROOT / "conftest.py"]
    found = {
        name
        for source in sources
        for name in re.findall(r"\bRETINAFACE_[A-Z]+\b", source.read_text())
    }
    assert {"RETINAFACE_ASSETS", "RETINAFACE_CACHE", "RETINAFACE_GOLDEN"} <= found
    check_environment(dict.fromkeys(found, "") | {"UNRELATED": ""})
    check_environment({variable(name): "" for name in KNOWN})


def test_accepting_is_typed():
    for name in ("RETINAFACE_REASON", "RETINAFACE_ACCEPT_BASELINE"):
        with pytest.raises(TargetError, match=f"{name}: .* must be typed, .*; unset it"):
            check_environment({name: "it is right"})


def test_a_command_takes_the_variables_of_its_own_options():
    environ = {"RETINAFACE_ENGINE": "a, b", "RETINAFACE_PROTOCOL": "vendor", "RETINAFACE_JSON": ""}
    assert values_from(environ, "bench") == {"engine": ("a", "b"), "protocol": ("vendor",)}
    assert values_from(environ, "compare") == {}

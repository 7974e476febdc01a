"""The suites run through on the vendor's packages in every form that they may have.

Unit tests open the engines in each form; here the forms that change all at once are validated.
"""

from __future__ import annotations

import pytest

from tests.support.runs import stand_in_run
from tests.support.standins.iluvatar_plugin import VARIABLE
from tests.support.standins.variants import NEWER, OLDER

# The suites over two engines in two forms: where nothing is beside them.
pytestmark = pytest.mark.alone
ENGINES = ("igie-iluvatar-fp16", "ixrt-iluvatar-fp16")
CHOICE = "placement or (lie_within and scene) or closed or refused"


@pytest.mark.needs("torch", "onnxruntime", "onnxconverter_common")
@pytest.mark.parametrize("variant", [OLDER, NEWER])
def test_contract_and_fidelity_pass_in_the_older_and_the_newer_form(tmp_path, monkeypatch, variant):
    monkeypatch.setenv(VARIABLE, variant)
    run = stand_in_run(tmp_path / "record", "iluvatar", CHOICE, ENGINES)
    assert run.code == 0, run.output[-3000:]
    for engine in ENGINES:
        found = [v for i, v in run.outcomes("").items() if engine in i]
        assert len(found) > 5
        assert set(found) == {"PASS"}, run.reasons("")

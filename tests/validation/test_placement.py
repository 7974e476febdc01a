"""An engine runs where its name says: a silent fallback, to the CPU or from it, is a failure."""

from __future__ import annotations

import pytest

from retinaface.checks.placement import placement_problems
from retinaface.engines.catalogue import find_engine
from retinaface.verdicts import Check, Verdict

pytestmark = pytest.mark.answers("placement")


@pytest.mark.quick
def test_an_engine_runs_where_its_name_says(engine_name, pool, gate):
    entry = find_engine(engine_name)
    described = pool.get(engine_name).describe()
    problems = placement_problems(entry.device, entry.precision, described)
    verdict = Verdict.FAIL if problems else Verdict.PASS
    text = "; ".join(problems) or str(described["placement"])
    gate(Check(f"placement of {engine_name}", verdict, text))

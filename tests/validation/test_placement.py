"""An engine runs where its name says: a silent fallback to the CPU is a failure."""

from __future__ import annotations

import pytest

from retinaface.engines.catalogue import find_engine
from retinaface.verdicts import Check, Verdict


@pytest.mark.quick
def test_an_engine_runs_where_its_name_says(engine_name, pool, gate):
    entry = find_engine(engine_name)
    engine = pool.get(engine_name)
    described = engine.describe()
    placement = described.get("placement") or {}
    problems = []
    for key in ("name", "device", "precision", "runtime"):
        if not described.get(key):
            problems.append(f"describe() gives no {key}")
    for key, expected in (("device", entry.device), ("precision", entry.precision)):
        if described.get(key) not in (None, expected):
            problems.append(f"{key} is {described[key]}, the name says {expected}")
    if not placement.get("provider"):
        problems.append("describe()['placement']['provider'] does not say what ran the graph")
    if fallback := placement.get("fallback"):
        problems.append(f"{len(fallback)} nodes ran elsewhere: {', '.join(map(str, fallback))}")
    if entry.device not in ("cpu", "auto"):  # `auto` leaves the choice to the runtime
        if "cpu" in str(placement.get("provider", "")).lower():
            problems.append(f"the graph ran on {placement['provider']}, not on {entry.device}")
        if "fallback" not in placement:
            problems.append("describe()['placement']['fallback'] is missing: no proof of placement")
    verdict = Verdict.FAIL if problems else Verdict.PASS
    gate(Check(f"placement of {engine_name}", verdict, "; ".join(problems) or str(placement)))

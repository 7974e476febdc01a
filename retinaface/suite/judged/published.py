"""Published speeds: which of them gates a run, and what a run that none gates says beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from retinaface.baselines.entries import Entry
from retinaface.verdicts import Check, Verdict

# What makers publish: the mean of many runs back to back, without copies, by their own scripts.
VENDOR_RUN = "vendor-run"
_OF_SDK = re.compile(r"corex[.-]?(\d+(?:\.\d+)+)")
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def sdk_of(engine: Mapping[str, Any]) -> str | None:
    """Read the version of the vendor's SDK: from the runtime's suffix, else from the driver's own.

    Args:
        engine: What `describe` gave. The driver of an SDK has the SDK's version.
    """
    if (found := _OF_SDK.search(str(engine.get("runtime")))) is not None:
        return found[1]
    driver = str(engine.get("driver") or "")
    return driver if engine.get("device") == "iluvatar" and _VERSION.fullmatch(driver) else None


def gates(entry: Entry, engine: Mapping[str, Any]) -> bool:
    """Tell whether a baseline may judge an engine: a published one only on the SDK it names."""
    sdk = entry.data.get("sdk")
    return not entry.is_published or sdk is None or sdk == sdk_of(engine)


def beside_published(
    entries: Iterable[Entry],
    key: Mapping[str, Any],
    engine: Mapping[str, Any],
    images_per_s: float,
) -> list[Check]:
    """Report the ratio to published figures that do not gate, and the reason.

    Args:
        entries: Published ones of speed, timed alike, of inputs of this size.
        key: The result's own; see `baselines.entries.KEYS`.
        engine: What `describe` gave.
        images_per_s: Measured.
    """
    alike = [
        entry
        for entry in entries
        if entry.data["unit"] == "images/s"
        and not {"precision", "batch"} & set(entry.differing(key))
    ]
    of_engine = [entry for entry in alike if entry.data.get("engine") == key["engine"]]
    return [_beside(entry, key, engine, images_per_s) for entry in of_engine or alike]


def _beside(
    entry: Entry, key: Mapping[str, Any], engine: Mapping[str, Any], images_per_s: float
) -> Check:
    value, source = float(entry.data["value"]), entry.data["source"]
    differing = entry.differing({**key, "pipeline": entry.data["pipeline"]})
    reasons = [f"{name} {theirs}, not {ours}" for name, (ours, theirs) in differing.items()]
    if not gates(entry, engine):
        reasons.append(f"SDK {sdk_of(engine) or 'unknown'}, not {entry.data['sdk']}")
    text = (
        f"{images_per_s:.1f} images/s are {images_per_s / value:.3f} times the published "
        f"{value:.3f} ({source['by']}; {source.get('setting', 'setting not stated')}); reported, "
        f"not gated: {', '.join(reasons)}"
    )
    numbers = {"published": value, "ratio": images_per_s / value}
    return Check(f"beside {entry}", Verdict.PASS, text, numbers)

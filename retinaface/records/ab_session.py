"""What `retinaface ab --json` wrote, read again: which two sides, and how the session ended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from retinaface.errors import RecordError
from retinaface.formats.faults import FormatError
from retinaface.formats.json_text import read_json
from retinaface.formats.types import typed
from retinaface.records.circumstances import Batch, Json
from retinaface.records.schema import CheckResult
from retinaface.verdicts import Verdict

AB_VERSION: Final = 2
# Those that are compared.
SIDES = ("A", "B")


class AbSpeed(Struct, kw_only=True):
    """B over A, and what the session could see; see `checks.speed.ab_judgement.judge_speed`.

    Attributes:
        ratio: How many times as long as A a call of B takes.
        low: Lower end of its interval.
        high: Upper end.
        band: How far from 1 a ratio may lie before it counts.
        power: The smallest slowdown, as a ratio, that is called nine times of ten.
        wanted: The slowdown, as a ratio, that a PASS rules out.
        starts: How often the processes were started.
        starts_needed: How many starts would decide; None where it is decided, or where none would.
        noise: Ratio of A again and A with its interval.
    """

    ratio: float
    low: float
    high: float
    band: float
    power: float
    wanted: float
    starts: int
    starts_needed: int | None
    noise: dict[str, float]


class AbSession(Struct, kw_only=True):
    """A session of `retinaface ab`. Mappings are by side: `A`, `A again`, `B`.

    Attributes:
        verdict: The worst of `checks`.
        speed_verdict: Of the times alone.
        batch: Images in one call.
        seconds_taken: Of the whole session.
        seconds: One call each: starts x turns.
    """

    ab_version: Literal[2]
    verdict: Verdict
    speed_verdict: Verdict
    speed: AbSpeed
    checks: list[CheckResult]
    batch: Batch
    seconds_taken: float
    seconds: dict[str, list[list[float]]]
    largest_differences: dict[str, float]
    engines: dict[str, Json]
    environments: dict[str, Json]
    name: str = ""  # of the file, without folder and ending


def read_sessions(paths: Iterable[Path]) -> list[AbSession]:
    """Read sessions: each path a file of `ab --json`, or a folder of them.

    Raises:
        RecordError: A path holds none, or one cannot be read.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise RecordError(f"{path} holds no session; give what ab --json wrote, or its folder")
        files += found
    return [_read(file) for file in files]


def _read(path: Path) -> AbSession:
    try:
        data = read_json(path, RecordError)
        if not isinstance(data, dict):
            raise FormatError("expected an object")
        session = typed({**data, "name": path.stem}, AbSession)
        if missing := [side for side in SIDES if side not in session.engines]:
            raise FormatError(f"`engines` lacks {missing[0]}")
    except (OSError, FormatError) as error:
        raise RecordError(
            f"cannot read a session from {path}: {error}; run ab again with --json"
        ) from error
    return session

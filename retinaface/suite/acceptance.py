"""Accept baselines on request, with a reason, from a clean checkout; else write candidates."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinaface.baselines.detections_file import write_detections
from retinaface.baselines.entries import (
    CANDIDATE_SUFFIX,
    Entry,
    load_baselines,
    merge_entries,
    write_baseline,
)
from retinaface.checks.limits import check_limits, limits_note
from retinaface.detection.detections import Detections
from retinaface.environment import slug
from retinaface.errors import BaselineError
from retinaface.files import new_file
from retinaface.records.write import checkout_commit, new_record
from retinaface.storage.hashing import file_sha256
from retinaface.suite.place import BASELINES, Place
from retinaface.suite.target import Target
from retinaface.telling.words import count
from retinaface.verdicts import Check, Verdict

if TYPE_CHECKING:
    from retinaface.suite.run import ValidationRun

_LEAST_REASON = 3  # characters, as the schema has it


@dataclass
class _Offer:
    entry: dict[str, Any]
    engine: Mapping[str, Any]
    detections: Mapping[str, Detections] | None


@dataclass
class Acceptance:
    """Entries that the tests of a run offer.

    Attributes:
        wanted: Whether `--accept-baseline` was given: then they become the baseline.
        reason: Why the figures are right, in the words of the person who accepts them.
        place: Folder of baselines, or the one file.
        shipped: Folder of those that ship with an installed package and are read beside a folder of
            the user's; None in a checkout, whose folder is written itself.
        notes: What a reader of the verdict must know of the baselines that it rests on.
    """

    wanted: bool
    reason: str
    place: Path
    shipped: Path | None = None
    notes: list[str] = field(default_factory=list)
    _offers: list[_Offer] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    @functools.cached_property
    def entries(self) -> list[Entry]:
        """Read all baselines; a damaged or edited file fails the tests that need it.

        Raises:
            BaselineError: As `load_baselines` says.
        """
        places = [self.place]
        if self.shipped is not None and not (self.is_one_file or self.is_read_only):
            places.append(self.shipped)
        found = [entry for place in places if place.exists() for entry in load_baselines(place)]
        for entry in found:
            if entry.data["metric"] == "accuracy" and not entry.is_published:
                entry.needed_detections()
        return found

    @property
    def is_one_file(self) -> bool:
        """Tell whether one file of baselines was named for this run."""
        return self.place.suffix == ".json"

    @property
    def is_read_only(self) -> bool:
        """Tell whether there is no place to write to: the package's own files stay as they are."""
        return self.place == self.shipped

    def judge_limits(self, name: str, entry: Entry, *, is_embedded: bool = False) -> Check | None:
        """Note limits that are wider than the suite's own; see `checks.limits.check_limits`."""
        note = limits_note(entry, is_embedded=is_embedded)
        if note and note not in self.notes:
            self.notes.append(note)
        return check_limits(name, entry, is_embedded=is_embedded)

    def next_step(self, path: Path) -> str:
        """Say what to do about a baseline that is missing.

        Args:
            path: What `offer` gave.
        """
        if self.is_read_only:
            return (
                "the baselines that ship with the package are not written to; name a folder of "
                "yours with --baseline DIR, and a candidate is written there"
            )
        return f"a candidate for {path} is written; look at it, and accept it {self._how}"

    @property
    def _how(self) -> str:
        where = "on a clean checkout with: " if self.shipped is None else "with: "
        folder = "" if self.shipped is None else f"--baseline {self.place} "
        return f'{where}{folder}--accept-baseline --reason "why this is right"'

    def offer(
        self,
        entry: dict[str, Any],
        engine: Mapping[str, Any],
        detections: Mapping[str, Detections] | None = None,
    ) -> Path:
        """Offer an entry.

        Args:
            entry: Without source and detections.
            engine: What `Engine.describe` gave.
            detections: Those to keep beside it.

        Returns:
            The file that it would be written to.
        """
        offer = _Offer(entry, engine, detections)
        if all(known.entry != entry for known in self._offers):  # two tests may miss the same one
            self._offers.append(offer)
        return self._path(offer)

    def finish(self, run: ValidationRun) -> None:
        """Write what was offered: accepted, or as candidates."""
        if not self._offers or self.is_read_only:
            return
        if self.wanted and run.verdict is not Verdict.PASS:
            self._lines.append(f"Baselines NOT accepted: the run is {run.verdict}")
            return
        by_file: dict[Path, list[_Offer]] = {}
        for offer in self._offers:
            by_file.setdefault(self._path(offer), []).append(offer)
        for path, offers in by_file.items():
            self._write(path, offers)

    def lines(self) -> list[str]:
        """Give lines for the terminal: what was accepted, or why nothing was."""
        return self._lines

    def _path(self, offer: _Offer) -> Path:
        if self.is_one_file:
            return self.place
        sdk = slug(str(offer.engine.get("runtime", offer.engine["name"])))
        return self.place / str(offer.entry["device"]) / f"{sdk}.json"

    def _write(self, path: Path, offers: list[_Offer]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path if self.wanted else path.with_name(path.stem + CANDIDATE_SUFFIX)
        entries = [self._complete(offer, target) for offer in offers]
        old = json.loads(path.read_text(encoding="utf-8"))["entries"] if path.is_file() else []
        write_baseline(target, merge_entries(old, entries))
        what = "Accepted" if self.wanted else "Candidate, not accepted"
        self._lines.append(f"{what}: {target} ({count(len(entries), 'entry', 'entries')})")
        if self.wanted:
            for candidate in path.parent.glob(f"{path.stem}.candidate.*"):
                candidate.unlink()  # of an earlier run: it has become the baseline, or is obsolete
        else:
            self._lines.append(f"  to accept it, run the same command {self._how}")

    def _complete(self, offer: _Offer, path: Path) -> dict[str, Any]:
        record = new_record()
        entry = dict(offer.entry) | {
            "source": {
                "kind": "run",
                "engine": offer.engine["name"],
                "runtime": str(offer.engine.get("runtime", "unknown")),
                "commit": record["commit"],
                "created": record["created"],
                "environment": record["environment"],
                "accepted_because": self.reason or "a candidate, not accepted",
            }
        }
        if offer.detections is not None:
            stem = path.name.removesuffix(".json")
            name = f"{stem}.{entry['pipeline']}.{entry['precision']}.{entry['n_images']}.npz"
            with new_file(path.parent / name) as file:
                write_detections(file, offer.detections)
                entry["detections"] = {"file": name, "sha256": file_sha256(file)}
        return entry


def start_acceptance(
    *, wanted: bool, reason: str | None, where: Place, target: Target
) -> Acceptance:
    """Check, before anything runs, whether baselines may be accepted.

    Args:
        wanted: Whether `--accept-baseline` was given.
        reason: Of `--reason`; None without it.
        where: The place of the suites and baselines of the run.

    Raises:
        BaselineError: There is no reason, this is CI, the checkout has uncommitted changes, or the
            package is installed and the user named no folder; or the baselines that the user named
            cannot be read.
    """
    kept = where.root / BASELINES
    place, shipped = target.baseline or kept, kept if where.is_shipped else None
    if not wanted:
        if reason is not None:
            raise BaselineError("--reason is for --accept-baseline; add it, or leave both out")
        acceptance = Acceptance(False, "", place, shipped)
        if target.baseline is not None:
            _ = acceptance.entries  # what the user named is read before anything runs
        return acceptance
    _check_reason(reason)
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        raise BaselineError(
            "--accept-baseline is refused in CI: a baseline is accepted by a person who looked; "
            "run it in a checkout of your own and commit the file"
        )
    if place == shipped:
        raise BaselineError(
            "--accept-baseline needs a folder of yours, since the baselines that ship with the "
            "package are not written to; add --baseline DIR, and name it again in later runs"
        )
    commit = checkout_commit()
    if commit is not None and commit.endswith("+dirty"):
        raise BaselineError(
            "--accept-baseline is refused on a dirty tree: the baseline would name a commit that "
            "did not make it; commit or stash your changes first"
        )
    return Acceptance(True, str(reason).strip(), place, shipped)


def _check_reason(reason: str | None) -> None:
    """Refuse a reason from which nobody learns why a figure changed."""
    if len((reason or "").strip()) < _LEAST_REASON:
        raise BaselineError(
            f"--accept-baseline needs --reason TEXT of at least {_LEAST_REASON} characters, got "
            f"{'none' if reason is None else repr(reason)}; say why the new figure is right, as "
            'in --reason "driver 570 rounds FP16 as IEEE does"'
        )

"""Accepted baselines: JSON files that say what a pipeline gave, on what, and how much it may move.

A file `<device>/<sdk>.json` holds one entry for each pipeline x precision x batch. Its content hash
makes an edit by hand visible; accepted detections lie beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.baselines.sanity import problems
from retinaface.baselines.schema import check_schema
from retinaface.environment import slug
from retinaface.errors import BaselineError
from retinaface.files import file_sha256, new_file

SCHEMA_VERSION = 2
ANY = "any"
CANDIDATE_SUFFIX = ".candidate.json"
# What two results must have in common, by kind of figure.
KEYS = {
    "accuracy": (
        "pipeline",
        "precision",
        "device",
        "n_images",
        "images_sha256",
        "weights_sha256",
    ),
    "speed": ("pipeline", "precision", "device", "batch", "timed", "engine"),
}
# An entry that leaves one of these open applies whatever the run's is. A published figure may not
# say which images it is over, only how many.
_OPEN = ("precision", "device", "images_sha256", "weights_sha256", "engine")


@dataclass(frozen=True)
class Entry:
    """One figure of a baseline file.

    Attributes:
        data: As in the file; see `schema.json`.
        path: The file.
    """

    data: Mapping[str, Any]
    path: Path

    @property
    def is_published(self) -> bool:
        """Whether it was published by others, as a number alone."""
        return bool(self.data["source"]["kind"] == "published")

    def is_of(self, runtime: str | None) -> bool:
        """Whether it was accepted of a run of this runtime and version."""
        return runtime is not None and self.data["source"].get("runtime") == runtime

    @property
    def detections_path(self) -> Path | None:
        """The detections that were accepted with it."""
        stored = self.data.get("detections")
        return self.path.parent / stored["file"] if stored else None

    def needed_detections(self) -> Path:
        """Find the detections by which a run is compared with it; `BaselineError` without any."""
        if (path := self.detections_path) is None:
            raise BaselineError(
                f"cannot compare with {self}: it keeps no `detections`; restore it: git checkout "
                "-- baselines; or accept it anew: --accept-baseline --reason TEXT"
            )
        return path

    def differing(self, key: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Keys in which the entry is not comparable with a run: baseline's and run's value."""
        found = {}
        for name in KEYS[self.data["metric"]]:
            ours, theirs = self.data.get(name), key.get(name)
            is_open = name in _OPEN and (ours in (None, ANY) or theirs is None)
            if ours != theirs and not is_open:
                found[name] = (ours, theirs)
        return found

    def __str__(self) -> str:
        d = self.data
        what = f"{d['metric']} {d['pipeline']} {d['precision']} batch {d.get('batch', ANY)}"
        return f"{what} in {self.path.parent.name}/{self.path.name}"


def load_baselines(path: Path) -> list[Entry]:
    """Read a baseline file, or all files of a folder.

    Raises:
        BaselineError: A file is no baseline, was edited by hand, or its detections were changed.
    """
    files = sorted(path.glob("*/*.json")) if path.is_dir() else [path]
    return [
        entry
        for file in files
        if not file.name.endswith(CANDIDATE_SUFFIX)
        for entry in _load_file(file)
    ]


def _load_file(path: Path) -> list[Entry]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _check_version(path, content)
        check_schema(content)
        _check_entries(content)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BaselineError(f"cannot read baseline {path}: {error}; check --baseline") from error
    except ValueError as error:  # it names the place
        raise BaselineError(
            f"baseline {path} is malformed: {error}; see baselines/README.md"
        ) from error
    if (found := content_sha256(content)) != content["content_sha256"]:
        raise BaselineError(
            f"baseline {path} was edited by hand: its content hash is {found[:16]}, the file says "
            f"{content['content_sha256'][:16]}; restore it (git checkout), or accept a new one: "
            "--accept-baseline --reason TEXT"
        )
    entries = [Entry(data, path) for data in content["entries"]]
    for entry in entries:
        _check_detections(entry)
    return entries


def _check_entries(content: Mapping[str, Any]) -> None:
    for i, entry in enumerate(content["entries"]):
        if (text := next(problems(entry), None)) is not None:
            raise ValueError(f"entries/{i}/{text}")


def _check_version(path: Path, content: Any) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version == 1:
        raise BaselineError(
            f"baseline {path} is of version 1, which knows its images by name alone, so it may be "
            "of others; accept it anew: --accept-baseline --reason TEXT"
        )


def _check_detections(entry: Entry) -> None:
    path = entry.detections_path
    if path is None:
        return
    expected = entry.data["detections"]["sha256"]
    if not path.is_file() or file_sha256(path) != expected:
        what = "were changed" if path.is_file() else "are missing"
        raise BaselineError(
            f"the detections of a baseline {what}: {path}, expected sha256 {expected[:16]}; "
            "restore them: git checkout -- baselines"
        )


def content_sha256(content: Mapping[str, Any]) -> str:
    """Hash of everything in a file but the hash itself."""
    rest = {key: value for key, value in content.items() if key != "content_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Found:
    """What the baselines say of a run's result.

    Attributes:
        comparable: Entries whose keys are those of the run, nearest first.
        nearest: Where none is: the entry that differs least, and in what.
    """

    comparable: Sequence[Entry]
    nearest: tuple[Entry, Mapping[str, tuple[Any, Any]]] | None


def find_entries(
    entries: Iterable[Entry],
    metric: str,
    key: Mapping[str, Any],
    *,
    strict: bool,
    runtime: str | None = None,
) -> Found:
    """Look for entries that a result may be compared with.

    Args:
        entries: All there are.
        metric: `accuracy` or `speed`.
        key: The result's values of `KEYS[metric]`.
        strict: Whether the entries were named for this very run, so that even one of another
            pipeline is worth naming; else those count that share pipeline and precision.
        runtime: Of the run's engine, with its version. What was accepted of it comes first, then
            what was accepted of others, the latest first.
    """
    comparable, others = [], []
    for entry in entries:
        if entry.data["metric"] != metric:
            continue
        differing = entry.differing(key)
        if not differing:
            comparable.append(entry)
        elif strict or not {"pipeline", "precision", "batch", "timed"} & set(differing):
            others.append((entry, differing))
    comparable.sort(key=lambda entry: str(entry.path))
    comparable.sort(key=lambda entry: str(entry.data["source"].get("created", "")), reverse=True)
    comparable.sort(key=lambda entry: (entry.data["device"] == ANY, not entry.is_of(runtime)))
    nearest = min(others, key=lambda pair: len(pair[1])) if others and not comparable else None
    return Found(comparable, nearest)


def write_baseline(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write a file whole, sorted and sealed with its hash.

    Raises:
        BaselineError: The entries do not fit the schema.
        OutputError: The file cannot be written.
    """
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "device": slug(path.resolve().parent.name),
        "sdk": slug(path.name.removesuffix(CANDIDATE_SUFFIX).removesuffix(".json")),
        "entries": sorted(entries, key=_order),
    }
    content["content_sha256"] = content_sha256(content)
    try:
        check_schema(content)
    except ValueError as error:
        raise BaselineError(f"cannot write baseline {path}: {error}") from error
    with new_file(path) as file:
        file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def merge_entries(
    old: Iterable[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Entries of a file after some were accepted anew: the same keys replace, the rest stays."""
    identities = {_order(entry) for entry in new}
    return [entry for entry in old if _order(entry) not in identities] + list(new)


def _order(entry: Mapping[str, Any]) -> tuple[str, ...]:
    names = sorted({name for keys in KEYS.values() for name in keys})
    return (entry["metric"], *(str(entry.get(name)) for name in names))

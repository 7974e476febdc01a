"""Read, find and write accepted baselines: figures of a pipeline, and how far each may move.

A file `<device>/<sdk>.json` holds one entry for each pipeline x precision x batch. Its content hash
reveals an edit by hand; accepted detections lie beside it.
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
from retinaface.files import new_file
from retinaface.formats.faults import FormatError
from retinaface.formats.json_text import read_json
from retinaface.storage.hashing import file_sha256

SCHEMA_VERSION = 2
ANY = "any"
CANDIDATE_SUFFIX = ".candidate.json"
# Keys that two comparable results share, by kind of figure.
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
# An entry that leaves one of these open applies to any value of the run. A published figure may
# state only the number of its images.
_OPEN = ("precision", "device", "images_sha256", "weights_sha256", "engine")


@dataclass(frozen=True)
class Entry:
    """One figure of a baseline file.

    Attributes:
        data: The entry as in the file; see `schema.json`.
    """

    data: Mapping[str, Any]
    path: Path

    @property
    def is_published(self) -> bool:
        """Tell whether somebody else published the figure, without detections."""
        return bool(self.data["source"]["kind"] == "published")

    def is_from(self, runtime: str | None) -> bool:
        """Tell whether the accepted run used this runtime and version."""
        return runtime is not None and self.data["source"].get("runtime") == runtime

    @property
    def detections_path(self) -> Path | None:
        """Give the file of the detections accepted with the figure; None without one."""
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
        """List the keys that differ from a run's, with the baseline's and the run's value."""
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
        BaselineError: A file is not a baseline, was edited by hand, or its detections changed.
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
        content = read_json(path, BaselineError)
        _check_version(path, content)
        check_schema(content)
    except (OSError, FormatError) as error:
        raise BaselineError(f"cannot read baseline {path}: {error}; check --baseline") from error
    except ValueError as error:  # its message names the field
        raise BaselineError(
            f"cannot use baseline {path}: {error}; baselines/README.md describes the format"
        ) from error
    if (found := content_sha256(content)) != content["content_sha256"]:
        raise BaselineError(
            f"baseline {path} was edited by hand: expected content hash "
            f"{content['content_sha256'][:16]}, got {found[:16]}; restore it (git checkout), or "
            "accept a new one: --accept-baseline --reason TEXT"
        )
    entries = [Entry(data, path) for data in content["entries"]]
    for i, entry in enumerate(entries):
        if (text := next(problems(entry.data), None)) is not None:
            raise BaselineError(
                f"cannot use baseline {path}: entries/{i}/{text}; restore it (git checkout), or "
                "accept a new one: --accept-baseline --reason TEXT"
            )
        _check_detections(entry)
    return entries


def _check_version(path: Path, content: Any) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version == 1:
        raise BaselineError(
            f"cannot use baseline {path}: version 1 identifies images by name alone, so their "
            "content may differ; accept it again: --accept-baseline --reason TEXT"
        )


def _check_detections(entry: Entry) -> None:
    path = entry.detections_path
    if path is None:
        return
    expected = entry.data["detections"]["sha256"]
    if not path.is_file() or file_sha256(path) != expected:
        what = "have changed" if path.is_file() else "are missing"
        raise BaselineError(
            f"the baseline's detections {path} {what}: expected sha256 {expected[:16]}; "
            "restore them: git checkout -- baselines"
        )


def content_sha256(content: Mapping[str, Any]) -> str:
    """Hash everything in a file except the hash itself."""
    rest = {key: value for key, value in content.items() if key != "content_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Found:
    """The baseline entries found for a run's result.

    Attributes:
        comparable: Entries with the run's keys, nearest first.
        nearest: The entry that differs least, and its differing keys, where none is comparable.
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
    """Find the entries that a result may be compared with.

    Args:
        metric: `accuracy` or `speed`.
        key: The result's values of `KEYS[metric]`.
        strict: Whether the user named the entries for this run. Then `nearest` may have another
            pipeline; otherwise it must share pipeline and precision.
        runtime: The runtime of the run's engine, with its version. Its entries come first, then
            those of other runtimes, the latest first.
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
    comparable.sort(key=lambda entry: (entry.data["device"] == ANY, not entry.is_from(runtime)))
    nearest = min(others, key=lambda pair: len(pair[1])) if others and not comparable else None
    return Found(comparable, nearest)


def write_baseline(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write a whole file, sorted, with its hash.

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
    """Merge accepted entries into those of a file: equal keys replace, the rest stays."""
    identities = {_order(entry) for entry in new}
    return [entry for entry in old if _order(entry) not in identities] + list(new)


def _order(entry: Mapping[str, Any]) -> tuple[str, ...]:
    names = sorted({name for keys in KEYS.values() for name in keys})
    return (entry["metric"], *(str(entry.get(name)) for name in names))

"""Keep what ended in a run, so that the run can go on after its process was killed.

In the folder `unfinished` lies a journal, to which each thing that ends adds a line, and the arrays
of each result. A line that was cut off by a kill is the last, and is dropped.
Files are of this program alone, on this machine: they are no format for others.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from retinaface.errors import OutputError, RecordError
from retinaface.files import new_file
from retinaface.formats.faults import FormatError
from retinaface.formats.npz import read_arrays
from retinaface.records.write import Kept, Packed, pack
from retinaface.suite.run.folder import FOLDER, locked

_JOURNAL = "journal.jsonl"


Kind = Literal["values", "checks"]


@dataclass
class Earlier:
    """What ended before the process was killed.

    Attributes:
        header: What the record begins with, as it was begun: its command and its time.
        tests: Each as a record has it, by id.
        told: What tests said of results: the test, the result, the kind, the content.
        kept: What is kept of each result, with the test that made it.
        seconds: How long the run has taken.
        times_s: The same by activity.
    """

    header: dict[str, Any] = field(default_factory=dict)
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: list[tuple[str, str, Kind, Any]] = field(default_factory=list)
    kept: dict[str, tuple[str, Packed]] = field(default_factory=dict)
    seconds: float = 0.0
    times_s: dict[str, float] = field(default_factory=dict)

    @property
    def results(self) -> list[tuple[str, Kind, Any]]:
        """List what was said of results, in its order."""
        return [(result_id, kind, content) for _, result_id, kind, content in self.told]

    def packed(self) -> dict[str, Packed]:
        """Give what is kept of each result."""
        return {result_id: packed for result_id, (_, packed) in self.kept.items()}

    def of_tests(self, wanted: Collection[str]) -> Earlier:
        """Take what these tests did, as far as they ended; all others run again."""
        ended = self.tests.keys() & set(wanted)
        return replace(
            self,
            tests={name: test for name, test in self.tests.items() if name in ended},
            told=[entry for entry in self.told if entry[0] in ended],
            kept={name: one for name, one in self.kept.items() if one[0] in ended},
        )


class NoJournal:
    """Of a run that cannot go on, because nothing of it is kept."""

    earlier = Earlier()

    def begin(self, restored: Collection[str]) -> Earlier:
        """Give nothing."""
        return self.earlier

    def add_test(self, test: Mapping[str, Any], seconds: float, times: Mapping[str, float]) -> None:
        """Do nothing."""

    def add_to_result(self, by: str, result_id: str, kind: Kind, content: Any) -> None:
        """Do nothing."""

    def keep(self, by: str, result_id: str, kept: Kept) -> Kept | Packed:
        """Give it back."""
        return kept

    def close(self, *, is_whole: bool) -> None:
        """Do nothing."""


class Journal(NoJournal):
    """The journal of a run, locked by its process."""

    def __init__(
        self,
        folder: Path,
        identity: Mapping[str, Any],
        header: Mapping[str, Any],
        *,
        stays: bool = False,
    ) -> None:
        """Open it, and read what is there.

        Args:
            folder: Of the record; existing.
            identity: What must be the same for a run to go on; JSON types.
            header: What a record begins with.
            stays: Whether the caller removes it, by `folder.end_record_dir`.

        Raises:
            OutputError: Another process writes there.
            RecordError: The run there is another one; the message says what differs.
        """
        self._record_dir, self._folder = folder, folder / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(locked(folder))
        self._stays = stays
        self._identity, self._header = dict(identity), dict(header)
        self.earlier = Earlier(header=self._header)
        if (self._folder / _JOURNAL).is_file():
            self.earlier = self._read()
        self._file: IO[str] | None = None

    def begin(self, restored: Collection[str]) -> Earlier:
        """Write anew what stays, so that a test which runs again is not in it twice.

        Args:
            restored: Ids of tests that do not run again.
        """
        earlier, path = self.earlier.of_tests(restored), self._folder / _JOURNAL
        with new_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            _add(file, begun={"identity": self._identity, "header": earlier.header})
            for test in earlier.tests.values():
                _add(file, test=test, seconds=earlier.seconds, times_s=earlier.times_s)
            for by, result_id, kind, content in earlier.told:
                _add(file, by=by, result=result_id, **{kind: content})
            for result_id, (by, packed) in earlier.kept.items():
                _add(file, by=by, kept=result_id, facts=packed.facts)
        self._file = self._stack.enter_context(path.open("a", encoding="utf-8"))
        return earlier

    def add_test(self, test: Mapping[str, Any], seconds: float, times: Mapping[str, float]) -> None:
        """Add a test that ended."""
        self._append(test=test, seconds=seconds, times_s=times)

    def add_to_result(self, by: str, result_id: str, kind: Kind, content: Any) -> None:
        """Add what a test says of a result: `values` or `checks`."""
        self._append(by=by, result=result_id, **{kind: content})

    def keep(self, by: str, result_id: str, kept: Kept) -> Kept | Packed:
        """Add the arrays of a result."""
        packed = pack(self._record_dir, result_id, kept)
        for name, arrays in packed.arrays.items():
            with new_file(self._arrays_of(result_id) / name) as path, path.open("wb") as sink:
                np.savez(sink, **arrays)
        self._append(by=by, kept=result_id, facts=packed.facts)
        return packed

    def close(self, *, is_whole: bool) -> None:
        """Close it, and remove it where the run is whole."""
        if is_whole and not self._stays:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._stack.close()

    def _append(self, **line: Any) -> None:
        if self._file is None:
            raise RuntimeError("a journal takes lines once it has begun")
        try:
            _add(self._file, **line)
        except OSError as error:
            where = self._folder / _JOURNAL
            raise OutputError(f"cannot write {where}: {error.strerror}") from error

    def _arrays_of(self, result_id: str) -> Path:
        return self._folder / result_id.replace("/", "-").replace(":", "-")

    def _read(self) -> Earlier:
        found = Earlier()
        path = self._folder / _JOURNAL
        for line in _lines(path):
            if "begun" in line:
                self._check_same(line["begun"]["identity"])
                found.header = line["begun"]["header"]
            elif "test" in line:
                found.tests[line["test"]["id"]] = line["test"]
                found.seconds, found.times_s = line["seconds"], line["times_s"]
            elif "kept" in line:
                found.kept[line["kept"]] = (line["by"], self._packed(line))
            else:
                kind: Kind = "checks" if "checks" in line else "values"
                found.told.append((line["by"], line["result"], kind, line[kind]))
        return found

    def _packed(self, line: Mapping[str, Any]) -> Packed:
        folder = self._arrays_of(line["kept"])
        try:
            arrays = {path.name: read_arrays(path) for path in sorted(folder.glob("*.npz"))}
        except (FormatError, OSError) as error:
            raise RecordError(
                f"cannot go on with the run in {self._record_dir}: {error}"
            ) from error
        return Packed(arrays, line["facts"])

    def _check_same(self, identity: Mapping[str, Any]) -> None:
        now = json.loads(json.dumps(self._identity))
        keys = [*dict.fromkeys((*now, *identity))]
        if different := [key for key in keys if now.get(key) != identity.get(key)]:
            raise RecordError(
                f"cannot go on with the run in {self._record_dir}: since it was begun, "
                f"{', '.join(different)} changed; leave out --resume to begin anew"
            )


def _add(file: IO[str], **line: Any) -> None:
    file.write(json.dumps(line, default=dict) + "\n")
    file.flush()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read lines, but for one that was cut off."""
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            return
        if not isinstance(line, dict):
            return
        yield line

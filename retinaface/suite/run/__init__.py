"""Keep a validation run as it grows: tests, checks, results; its verdict, coverage and record."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from retinaface.files import new_file
from retinaface.records.migrate import ABSENT
from retinaface.records.result_id import ResultId
from retinaface.records.schema import Result
from retinaface.records.warnings import all_warnings
from retinaface.records.write import RECORD_FILE, Kept, Packed, json_safe, write_record
from retinaface.suite.run.entry import TestEntry
from retinaface.suite.run.journal import Earlier, Journal, Kind, NoJournal
from retinaface.verdicts import SKIPPED, Check, Verdict, worst


class ValidationRun:
    """Collects what tests found and keeps the record up to date."""

    def __init__(
        self,
        header: Mapping[str, Any],
        record_dir: Path | None,
        journal: Journal | None = None,
        restored: Collection[str] = (),
    ) -> None:
        """Start a run, or go on with one.

        Args:
            header: The beginning of every record, and the target; JSON types.
            record_dir: Existing folder for the record; None for no record.
            journal: Keeps what ends, should the process be killed; None where no run can go on.
            restored: Tests in the journal that ended, and do not run again.
        """
        self._header = dict(header)
        self._record_dir = record_dir
        self._started = self._since = time.monotonic()
        self._activity = "start"
        # Seconds by activity: a suite, or what `spend` names.
        self.times: defaultdict[str, float] = defaultdict(float)
        self.tests: dict[str, TestEntry] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, Kept | Packed] = {}
        self._running = ""
        self._journal = journal or NoJournal()
        self.restored: dict[str, dict[str, Any]] = {}
        self.n_deselected: Counter[str] = Counter()
        self.n_left_by_quick: Counter[str] = (
            Counter()
        )  # of those, what the quick selection left out
        self.expected: list[str] = []
        self.noted: list[str] = []  # beside the verdict, whatever it is
        self.problem: str | None = None  # with the run itself: then it is no pass
        self._take_over(self._journal.begin(restored))
        self._write("running", None)

    def _take_over(self, earlier: Earlier) -> None:
        """Keep what ended before as if it had ended now."""
        self._header |= earlier.header
        self._started -= earlier.seconds
        self.times.update(earlier.times_s)
        self.restored = earlier.tests
        self.kept.update(earlier.packed())
        for test_id, test in earlier.tests.items():
            self.tests[test_id] = TestEntry.of(test)
        for result_id, kind, content in earlier.results:
            self._merge(result_id, kind, content)

    def begin(self, test_id: str, **subject: str) -> None:
        """Start a test: were the process to die now, the record would name it.

        Args:
            test_id: As pytest names it.
            subject: Its question, engine and pipeline, where it has them.
        """
        self.tests[test_id] = entry = TestEntry(test_id, subject=subject)
        self._switch(entry.suite.removeprefix("test_"))
        self._note_ended()
        self._running = test_id
        self._write("running", test_id)

    def _note_ended(self) -> None:
        """Keep the test that ran last."""
        entry = self.tests.get(self._running)
        if entry is not None and entry.outcome is not None:
            self._journal.add_test(entry.as_json(), self._seconds(), self.times)
        self._running = ""

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)

    def _switch(self, activity: str) -> None:
        """Give the seconds since the last switch to what was done, and begin something else."""
        now = time.monotonic()
        self.times[self._activity] += now - self._since
        self._activity, self._since = activity, now

    def spend(self, activity: str, seconds: float) -> None:
        """Count measured seconds of the running test for an activity, no longer for its suite."""
        self.times[activity] += seconds
        self.times[self._activity] -= seconds

    def end(self, test_id: str, outcome: str, reason: str, seconds: float) -> None:
        """End a test; a later phase of it can only make things worse."""
        self.tests.setdefault(test_id, TestEntry(test_id)).add_phase(outcome, reason, seconds)

    def add_check(self, test_id: str, check: Check) -> None:
        """Keep what a test compared with a limit."""
        self.tests.setdefault(test_id, TestEntry(test_id)).checks.append(check)

    def add_result(self, result_id: str, **values: Any) -> None:
        """Add figures to a result; its id is the text of a `ResultId`.

        Raises:
            TypeError: A result has no such field.
        """
        if unknown := values.keys() - set(Result.__struct_fields__):
            raise TypeError(f"a result of a record has no field {', '.join(sorted(unknown))}")
        if "engine" in values:  # by the name that it was asked for, whatever it calls itself
            values["engine"] = {**values["engine"], "name": ResultId.parse(result_id).engine}
        self._add(result_id, "values", values)

    def _add(self, result_id: str, kind: Kind, content: Any) -> None:
        self._merge(result_id, kind, content)
        self._journal.add_to_result(self._running, result_id, kind, content)

    def _merge(self, result_id: str, kind: Kind, content: Any) -> None:
        result = self.results.setdefault(result_id, {"id": result_id})
        if kind == "values":
            result.update(content)
        else:
            result["checks"] = [*result.get("checks", []), *content]

    def keep(self, result_id: str, kept: Kept) -> None:
        """Keep the arrays and the model of a result."""
        self.kept[result_id] = self._journal.keep(self._running, result_id, kept)

    def add_checks(self, result_id: str, *checks: Check) -> None:
        """Keep checks under the result that they judge, beside the test that made them."""
        self._add(result_id, "checks", [check.as_json() for check in checks])

    @property
    def verdict(self) -> Verdict:
        """Give the worst verdict of tests that were not skipped; INCONCLUSIVE without any."""
        if self.problem is not None:
            return Verdict.FAIL
        return worst(
            Verdict(entry.outcome)
            for entry in self.tests.values()
            if entry.outcome not in (None, SKIPPED)
        )

    def warnings(self) -> list[str]:
        """List what a reader must know beside the verdict."""
        return all_warnings(self.noted, self.results.values())

    def unfinished(self) -> list[str]:
        """List tests that should have run and did not end."""
        ended = {entry.id for entry in self.tests.values() if entry.outcome is not None}
        return [test_id for test_id in self.expected if test_id not in ended]

    def coverage(self) -> dict[str, Any]:
        """Give the basis of the verdict: outcomes by suite, skips by reason."""
        suites: dict[str, Counter[str]] = {}
        skips: dict[str, list[str]] = {}
        for entry in self.tests.values():
            suites.setdefault(entry.suite, Counter())[entry.outcome or "not finished"] += 1
            if entry.outcome == SKIPPED:
                for need in entry.needs():
                    skips.setdefault(need, []).append(entry.id)
        images = {
            result_id: result["n_images"]
            for result_id, result in self.results.items()
            if "n_images" in result
        }
        return {
            "suites": {name: dict(counts) for name, counts in sorted(suites.items())},
            "skipped": [{"reason": reason, "tests": ids} for reason, ids in skips.items()],
            "not_selected": dict(self.n_deselected),
            "left_by_quick": dict(self.n_left_by_quick),
            "images": images,
        }

    def finish(self) -> None:
        """Write the whole record, detections included."""
        self._switch("")
        self._note_ended()
        self._write("finished", None)
        self._journal.close(is_whole=self.problem is None)

    def _write(self, state: str, running: str | None) -> None:
        if self._record_dir is None:
            return
        is_finished = state == "finished"
        record = self._header | {
            "state": state,
            "running": running,
            # Until the end nothing is proven: what a killed run leaves behind is no pass.
            "verdict": str(self.verdict if is_finished else Verdict.FAIL),
            "problem": self.problem,
            "seconds": self._seconds(),
            "coverage": self.coverage(),
            "warnings": self.warnings(),
            "tests": [entry.as_json() for entry in self.tests.values()],
        }
        if is_finished:
            record["times_s"] = {name: round(s, 3) for name, s in self.times.items()}
            record["results"] = list(self.results.values())
            write_record(self._record_dir, record, self.kept)
        else:
            # Once for each test: its types are checked at the end, which takes twice as long.
            text = json.dumps(json_safe({**ABSENT, **record})) + "\n"
            with new_file(self._record_dir / RECORD_FILE) as file:
                file.write_text(text, encoding="utf-8")

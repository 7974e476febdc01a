"""Play `python -m retinaface validate` for a worker: a few ways in which a target ends.

The word for `-k` says which; `PLAYER_RECORD` names a record to begin with.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import psutil

TEST = "tests/validation/test_x.py::a"


def write_player(folder: Path) -> Path:
    """Write an interpreter that plays."""
    path = folder / "player"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} "$@"\n')
    path.chmod(0o755)
    return path


def one_test(verdict: str | None, reason: str = "", name: str = TEST) -> dict[str, Any]:
    return {"id": name, "verdict": verdict, "reason": reason, "checks": []}


Tests = list[dict[str, Any]]
ENDS: dict[str, tuple[str, Tests]] = {
    "passes": ("PASS", [one_test("PASS")]),
    "fails": (
        "FAIL",
        [one_test("PASS", name="b"), one_test("FAIL", "boxes moved by 3 px\nmore lines")],
    ),
    "lacks": ("FAIL", [one_test("FAIL", "needs cuda: no device here; the run names it")]),
    "is-open": ("INCONCLUSIVE", [one_test("INCONCLUSIVE", "noise hides it")]),
    "finds-nothing": ("INCONCLUSIVE", []),
}


class Player:
    """A run: its words, and where its record and its answer go."""

    def __init__(self, words: list[str]) -> None:
        assert words[:3] == ["-m", "retinaface", "validate"], words
        options = dict(w.split("=", 1) for w in words if w.startswith("--") and "=" in w)
        self.folder, self.answer = Path(options["--record"]), Path(options["--json"])
        self.words = words

    def play(self) -> None:
        """Play what the word for `-k` says: a test, or a method."""
        word = self.words[self.words.index("-k") + 1]
        if word in ENDS:
            self.end(*ENDS[word])
        getattr(self, word.replace("-", "_"))()

    def write(self, verdict: str | None, tests: Tests, **changed: Any) -> dict[str, Any]:
        content = json.loads(Path(os.environ["PLAYER_RECORD"]).read_text())
        content |= {"verdict": verdict, "tests": tests, "results": [], "arrays": {}, **changed}
        self.folder.mkdir()
        (self.folder / "record.json").write_text(json.dumps(content))
        return content

    def end(self, verdict: str, tests: Tests) -> NoReturn:
        run = self.write(verdict, tests)
        self.answer.write_text(json.dumps({"command": "validate", "verdict": verdict, "run": run}))
        print(f"VERDICT: {verdict}")
        sys.exit({"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 10}[verdict])

    def begin(self) -> None:
        self.write(None, [one_test(None)], state="running", running=TEST)
        print("loading the engine", flush=True)

    def refuses(self) -> None:
        sys.exit("retinaface: error: there is no model x.onnx; name another")

    def errs(self) -> None:
        print("retinaface: error: a mistake of this program: KeyError", file=sys.stderr)
        sys.exit(70)

    def crashes(self) -> None:
        self.begin()
        os.kill(os.getpid(), signal.SIGSEGV)

    def hangs(self) -> None:
        self.begin()
        time.sleep(120)

    def holds(self) -> None:
        with Path(os.environ["LOCK"]).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            time.sleep(120)

    def kills(self) -> None:
        """Kill the worker, the parent of the guard; if a file may tell, only once."""
        once = os.environ.get("ONCE")
        if once and Path(once).exists():
            self.end("PASS", [one_test("PASS")])
        if once:
            Path(once).touch()
        os.kill(psutil.Process(os.getppid()).ppid(), signal.SIGKILL)
        time.sleep(120)

    def waits(self) -> None:
        begin = time.time()
        time.sleep(0.7)
        self.end("FAIL", [one_test("FAIL", f"{begin} {time.time()}")])

    def tells(self) -> None:
        names = sorted(name for name in os.environ if name.startswith("RETINAFACE_"))
        facts = [names, os.environ.get("MINE"), os.environ["TMPDIR"], self.words]
        self.end("FAIL", [one_test("FAIL", json.dumps(facts))])


if __name__ == "__main__":
    Player(sys.argv[1:]).play()

"""Read inputs that a coverage-guided fuzzer makes: atheris, where it is installed.

`python -m tests.fuzz guided` starts this module once for each target, since the fuzzer ends its
process. It follows the lines of this package, not those of libraries in C.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

# So often a change knows the format; the fuzzer's own changes follow what was covered.
_FORM_SHARE = 0.5
# The fuzzer makes inputs so many times as long as a whole one at most.
_MAX_LENGTH = 4

with atheris.instrument_imports(include=["retinaface"]):
    from tests.fuzz.running import cases
    from tests.fuzz.running.child import limit_memory, prepare
    from tests.fuzz.running.judging import FAILURE, judge
    from tests.fuzz.running.loop import Tally, changed, surroundings
    from tests.fuzz.target import LIMIT_S, Target
    from tests.fuzz.targets import TARGETS, load_libraries

    load_libraries()


def main(name: str, seconds: str, seed: str, artifacts: str) -> None:
    """Fuzz a target; what ends the process is left in a folder, other failures are stored."""
    target = TARGETS[name]
    with surroundings() as work:
        folder = work / "input"
        seeds = prepare(target, folder)
        with atheris.instrument_imports(include=["retinaface"]):
            for data in reversed(seeds):  # whose modules are imported, and followed
                (folder / target.file).write_bytes(data)
                judge(target, folder)
        corpus = Path(tempfile.mkdtemp(prefix="retinaface-corpus-"))
        for i, data in enumerate([*seeds, *(data for _, data in cases.stored(name))]):
            (corpus / str(i)).write_bytes(data)
        limits = [f"-max_total_time={seconds}", f"-timeout={int(LIMIT_S)}", "-rss_limit_mb=0"]
        length = f"-max_len={_MAX_LENGTH * max(map(len, seeds))}"
        places = [f"-artifact_prefix={artifacts}/", str(corpus)]
        words = [sys.argv[0], *limits, length, f"-seed={seed}", "-verbosity=1", *places]
        limit_memory()
        atheris.Setup(words, _reader(target, folder), custom_mutator=_mutator(target))
        atheris.Fuzz()


def _reader(target: Target, folder: Path) -> Callable[[bytes], None]:
    tally, told = Tally(target.name), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what commands print goes nowhere

    def read(data: bytes) -> None:
        (folder / target.file).write_bytes(data)
        outcome = judge(target, folder)
        tally.add(outcome, data, "guided")
        if outcome.what != FAILURE:
            return
        found = tally.findings[outcome.signature]
        if found.data is data:  # the smallest so far
            found.path = cases.store(target.name, data, instead_of=found.path)
            what = f"FAILURE {outcome.signature}: {outcome.message}\n  {found.path}"
            print(what, file=told, flush=True)

    return read


def _mutator(target: Target) -> Callable[[bytes, int, int], bytes]:
    def change(data: bytes, max_size: int, number: int) -> bytes:
        rng = random.Random(number)  # noqa: S311 - no secret
        if rng.random() < _FORM_SHARE:
            return changed(target, data, rng)[:max_size]
        return bytes(atheris.Mutate(data, max_size))

    return change


if __name__ == "__main__":
    main(*sys.argv[1:])

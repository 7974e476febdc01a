"""What workers answer: engines in other environments, and targets of a cluster."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.fuzz.target import Target
from tests.fuzz.targets.records import make_alike

_N_PRIORS = 4200
# The answers lie ready: whoever waits longer waits for what never comes.
_PATIENCE_S = 0.5
# A Python has to start before the first one.
_START_S = 3.0


def _frame(header: dict, arrays: list[np.ndarray]) -> bytes:
    from retinaface.engines.remote import frames

    kinds = [{"shape": list(a.shape), "dtype": a.dtype.str} for a in arrays]
    text = json.dumps({**header, "arrays": kinds}).encode()
    prefix = frames._PREFIX.pack(frames._MAGIC, len(text))
    return prefix + text + b"".join(array.tobytes() for array in arrays)


# Sends an answer for each request, and what comes before the first one at once. An answer begins
# with the magic number; it may be damaged.
_REPLAY = """\
import os, sys
mark = bytes.fromhex(sys.argv[2])
first, *parts = open(sys.argv[1], "rb").read().split(mark)
parts = [first] + [mark + part for part in parts]
turn = b"".join(parts[:2])
for part in [*parts[2:], None]:
    while turn:
        turn = turn[os.write(1, turn):]
    if part is None or not os.read(0, 65536):
        break
    turn = part
while os.read(0, 65536):
    pass
"""


def _make_answers(folder: Path) -> None:
    """Write what a worker sends first, and an answer to each request."""
    import msgspec

    from retinaface import __version__
    from retinaface.engines.remote import messages

    description = {"name": "x", "runtime": "x 1", "device": "cpu", "precision": "fp32"}
    outputs = [np.full((1, _N_PRIORS, n), 0.5, np.float32) for n in (4, 2, 10)]
    answers = [
        messages.Opened(fixed_batch=None, environment={"python": "3.11.7"}),
        messages.Description(description=description),
        messages.Outputs(seconds=1e-6),
    ]
    frames = [_frame(msgspec.to_builtins(messages.Ready(version=__version__)), [])]
    for turn, answer in enumerate(answers, start=1):
        header = {**msgspec.to_builtins(answer), "turn": turn}
        frames.append(_frame(header, outputs if turn == len(answers) else []))
    (folder / "answers").write_bytes(b"".join(frames))


def _ask(folder: Path) -> None:
    """Ask an engine in another environment, whose worker writes what is in a file."""
    from unittest.mock import patch

    from retinaface.children.start import Child
    from retinaface.engines.remote import frames
    from retinaface.engines.remote.engine import RemoteEngine
    from retinaface.engines.remote.transport import open_channel
    from retinaface.engines.spec import EngineSpec

    class Replayed:
        where, shares_disk = "a replayed worker", True

        def start(self, name):
            def spawn(their_read, their_write, stderr):
                words = ("-ISc", _REPLAY, str(folder / "answers"), frames._MAGIC.hex())
                return Child(
                    [sys.executable, *words], stdin=their_read, stdout=their_write, stderr=stderr
                )

            return open_channel(spawn)

        def prepare(self, channel, deadline):
            pass

        def describe_end(self, code, doing, last_words):
            return f"ended with {code} during {doing}{last_words}"

    limits = {"build_timeout_s": _PATIENCE_S, "call_timeout_s": _PATIENCE_S}
    spec = EngineSpec("ort-cpu-fp32", "fp32", "cpu", height_px=320, width_px=320)
    replayed = patch("retinaface.engines.remote.engine.transport_to", lambda _: Replayed())
    soon = patch("retinaface.engines.remote.process.START_TIMEOUT_S", _START_S)
    with replayed, soon, RemoteEngine(spec, "a:b", sys.executable, **limits) as engine:
        json.dumps(engine.describe())
        engine.infer(np.zeros((1, 3, 320, 320), np.float32))


def _make_packed(folder: Path) -> None:
    from retinaface.cluster.targets.packing import pack
    from tests.support.made.records import make_run

    make_run(folder / "run")
    make_alike(folder / "run/record.json")
    (folder / "packed.zip").write_bytes(pack(folder / "run"))


def _unpack(folder: Path) -> None:
    from retinaface.cluster.targets.packing import unpack
    from retinaface.records.read import read_run

    with tempfile.TemporaryDirectory() as place:
        unpack((folder / "packed.zip").read_bytes(), Path(place) / "run")
        read_run(Path(place) / "run")


TARGETS = (
    Target("worker.answers", "frames", "answers", _make_answers, _ask),
    Target("worker.record", "zip", "packed.zip", _make_packed, _unpack),
)

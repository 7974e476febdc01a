"""What is judged: each kind of end has its name, so that no failure passes for a refusal."""

import os
import random
import signal

import pytest

from retinaface.errors import RecordError
from tests.fuzz.mutation import protobuf
from tests.fuzz.running.child import Child
from tests.fuzz.running.judging import FAILURE, READ, REFUSED
from tests.fuzz.target import Target

# The child is forked beside the threads of pytest-xdist, and runs only what is below.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def _refuses(folder):
    raise RecordError("no record")


def _leaves_a_file(folder):
    (folder / "half").write_bytes(b"x")
    _refuses(folder)


def _leaves_a_hidden_file_in_the_cache(folder):
    (folder.parent / "cache" / ".x.1").write_bytes(b"x")
    _refuses(folder)


def _keeps_a_whole_file_in_the_cache(folder):
    (folder.parent / "cache" / "x").write_bytes(b"x")
    _refuses(folder)


def _lacks_memory(folder):
    try:
        bytearray(2**40)
    except MemoryError as error:
        raise RecordError("too large") from error


def _hangs(folder):
    while True:
        pass


@pytest.mark.parametrize(
    ("reader", "what", "kind"),
    [
        (lambda folder: None, READ, ""),
        (_refuses, REFUSED, "RecordError"),
        (_keeps_a_whole_file_in_the_cache, REFUSED, "RecordError"),
        (_leaves_a_file, FAILURE, "left behind"),
        (_leaves_a_hidden_file_in_the_cache, FAILURE, "left behind"),
        (_lacks_memory, FAILURE, "out of memory"),
        (lambda folder: {}["x"], FAILURE, "KeyError"),
        (lambda folder: bytearray(2**40), FAILURE, "MemoryError"),
        (lambda folder: os.kill(os.getpid(), signal.SIGKILL), FAILURE, "signal 9"),
        (lambda folder: os._exit(3), FAILURE, "exit code 3"),
        (_hangs, FAILURE, "timeout"),
    ],
)
def test_each_end_has_its_name(tmp_path, reader, what, kind):
    (tmp_path / "cache").mkdir()
    (tmp_path / "input").mkdir()

    def read(folder):
        if (folder / "x").read_bytes() != b"whole":
            reader(folder)

    target = Target("a.b", "bytes", "x", lambda folder: None, read)
    with Child(target, tmp_path / "input", [b"whole"], limit_s=2.0) as child:
        outcome = child.outcome(b"damaged")
        assert (outcome.what, outcome.kind) == (what, kind)
        assert child.outcome(b"whole").what == READ


def test_few_numbers_among_many_bytes_are_changed_too():
    """A message of one number beside a thousand: either is changed half of the time."""
    one, many = bytes([1 << 3, 5]), b"".join(bytes([2 << 3, 5]) for _ in range(1000))
    fields = protobuf._fields(one + many)
    changes = [
        protobuf._with_rare_number(list(fields), random.Random(seed))[:2] != one  # noqa: S311
        for seed in range(200)
    ]
    assert 60 < sum(changes) < 140

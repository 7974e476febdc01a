"""Messages over real pipes: what is sent arrives; what is no message is refused in words."""

import contextlib
import json
import os
import struct
import threading
import time

import numpy as np
import pytest

from retinaface.engines.remote.frames import (
    ClosedError,
    GarbageError,
    TimedOutError,
    receive,
    send,
    widen,
)


@pytest.fixture
def pipe():
    read_fd, write_fd = os.pipe()
    yield read_fd, write_fd
    for fd in (read_fd, write_fd):
        with contextlib.suppress(OSError):  # a test may have closed it
            os.close(fd)


def test_headers_and_arrays_of_every_shape_and_type_arrive(pipe):
    rng = np.random.default_rng(0)
    arrays = [
        rng.standard_normal((2, 3, 4)).astype(np.float32),
        np.zeros((0, 4), np.float32),
        np.array(7, np.int64),
        rng.standard_normal(5).astype(np.float16),
    ]
    send(pipe[1], {"kind": "x", "word": "é"}, arrays)
    header, found = receive(pipe[0])
    assert header == {"kind": "x", "word": "é"}
    for one, other in zip(arrays, found, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_more_than_the_pipe_holds_is_sent_while_it_is_read(pipe):
    big = np.random.default_rng(0).standard_normal((1000, 3000)).astype(np.float32)
    widen(pipe[1])
    os.set_blocking(pipe[1], False)
    deadline = time.monotonic() + 60
    sender = threading.Thread(target=send, args=(pipe[1], {}, [big], deadline))
    sender.start()
    _, found = receive(pipe[0], deadline)
    sender.join()
    np.testing.assert_array_equal(found[0], big)


def test_what_is_received_can_be_written_to_and_is_nobody_elses(pipe):
    send(pipe[1], {}, [np.ones(3, np.float32)])
    send(pipe[1], {}, [np.ones(3, np.float32)])
    first, second = receive(pipe[0])[1][0], receive(pipe[0])[1][0]
    first += 1
    assert second.tolist() == [1, 1, 1]


def message(header, prefix=b"RFACE\x00\r\n"):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<8sI", prefix, len(text)) + text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            b"Loading model...\n",
            "it sent something that is not a message, beginning with b'Loading mode'",
        ),
        (b"hi\n", "beginning with b'hi"),
        (struct.pack("<8sI", b"RFACE\x00\r\n", 2**31), "not a message"),
        (message(b"{not json"), "cannot be read"),
        (message([1, 2]), "cannot be read"),
        (message({"kind": "x"}), "cannot be read"),
        (message({"arrays": [{"shape": [-1], "dtype": "<f4"}]}), "cannot be read"),
        (message({"arrays": [{"shape": [2**40], "dtype": "<f4"}]}), "an array of"),
        (message({"arrays": [{"shape": [2], "dtype": "O"}]}), "an array of object"),
        (message({"arrays": [{"shape": [2], "dtype": "nonsense"}]}), "cannot be read"),
    ],
    ids=[
        "text",
        "short",
        "long",
        "json",
        "list",
        "no-arrays",
        "negative",
        "huge",
        "object",
        "dtype",
    ],
)
def test_what_is_no_message_is_refused_in_words(pipe, data, words):
    os.write(pipe[1], data)
    with pytest.raises(GarbageError) as caught:
        receive(pipe[0])
    assert words in str(caught.value)


def test_an_end_in_the_middle_of_a_message_is_an_end(pipe):
    os.write(pipe[1], message({"arrays": [{"shape": [9], "dtype": "<f4"}]}) + b"1234")
    os.close(pipe[1])
    with pytest.raises(ClosedError):
        receive(pipe[0])


def test_nobody_who_reads_is_an_end(pipe):
    os.close(pipe[0])
    with pytest.raises(ClosedError):
        send(pipe[1], {}, [np.zeros(4, np.float32)])


def test_silence_and_a_full_pipe_end_at_the_deadline(pipe):
    with pytest.raises(TimedOutError):
        receive(pipe[0], time.monotonic() + 0.05)
    os.set_blocking(pipe[1], False)
    with pytest.raises(TimedOutError):
        send(pipe[1], {}, [np.zeros(10**6, np.float32)], time.monotonic() + 0.05)

"""One child answers any number of requests, and whatever ends it is told in words."""

import os
import signal
import threading

import pytest

from retinaface.children.answering import Answering, Ended, OnePerProcess, UnsoundReply

# Gives each byte back; some bytes make it do something else.
ECHO = """
import os, sys, time
write = lambda data: (sys.stdout.buffer.write(data), sys.stdout.buffer.flush())
write(b"r")
while data := sys.stdin.buffer.read(1):
    if data == b"x":
        os._exit(3)
    if data == b"s":
        os.kill(os.getpid(), 11)
    if data == b"h":
        time.sleep(600)
    write(data)
"""


def byte(read):
    data = read(1)
    if data == b"?":
        raise UnsoundReply
    return data


@pytest.fixture
def start(tmp_path):
    (tmp_path / "echo.py").write_text(ECHO)
    made = []

    def call(**more):
        made.append(Answering(str(tmp_path / "echo.py"), byte, **more))
        return made[-1]

    yield call
    for one in made:
        one.close()


def test_it_answers_until_it_is_closed(start):
    one = start()
    assert [one.exchange((data,), byte, 10) for data in (b"a", b"b")] == [b"a", b"b"]
    assert one.is_alive()
    one.close()
    assert not one.is_alive()


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (b"x", "ended with exit code 3"),
        (b"s", "ended by SIGSEGV"),
        (b"?", "sent no sound reply"),
    ],
)
def test_an_end_is_told_and_no_child_stays(start, request_, words):
    one = start()
    with pytest.raises(Ended, match=words):
        one.exchange((request_,), byte, 10)
    assert not one.is_alive()


def test_a_signal_may_have_words_of_its_own(start):
    one = start(words={signal.SIGSEGV: "read what is not there"})
    with pytest.raises(Ended, match="read what is not there"):
        one.exchange((b"s",), byte, 10)


def test_one_that_is_late_is_ended(start):
    one = start()
    with pytest.raises(Ended, match=r"took more than 0\.3 s"):
        one.exchange((b"h",), byte, 0.3)
    assert not one.is_alive()


def test_one_that_does_not_start_is_told(tmp_path):
    (tmp_path / "a.py").write_text("raise SystemExit(4)")
    with pytest.raises(Ended, match="exit code 4"):
        Answering(str(tmp_path / "a.py"), byte)


def test_a_process_has_one_child_and_another_one_follows(start):
    shared = OnePerProcess(start)
    with shared.using() as one:
        first = one.pid
    with shared.using() as one:
        assert one.pid == first
        os.kill(first, signal.SIGKILL)
        one._process.wait()
    with shared.using() as one:
        assert one.pid != first
    shared.end()
    assert shared.by_pid == {}


def test_threads_take_turns(start):
    shared, found = OnePerProcess(start), []

    def ask(data):
        for _ in range(20):
            with shared.using() as one:
                found.append(one.exchange((data,), byte, 10) == data)

    threads = [threading.Thread(target=ask, args=(data,)) for data in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 60
    shared.end()

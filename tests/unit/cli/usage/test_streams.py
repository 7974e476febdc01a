"""Standard output that nobody reads, or that takes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retinaface.cli import cli
from retinaface.cli.usage.streams import EXIT_PIPE

COMMANDS = [["--help"], *([name, "--help"] for name in cli.commands)]


def start(words, stdout):
    command = [sys.executable, "-m", "retinaface", *words]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_reader_that_goes_away_is_no_failure_of_a_check(words):
    """As `| head` does; the exit code is the one of SIGPIPE, and nothing is said."""
    reader, writer = os.pipe()
    os.close(reader)
    process = start(words, writer)
    os.close(writer)
    assert process.communicate()[1] == ""
    assert process.returncode == EXIT_PIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", COMMANDS[:3], ids=" ".join)
def test_output_without_room_is_named(words):
    with Path("/dev/full").open("w") as full:
        process = start(words, full)
    (line,) = process.communicate()[1].splitlines()
    assert line == (
        "retinaface: error: cannot write standard output: No space left on device; send it "
        "elsewhere"
    )
    assert process.returncode == 2

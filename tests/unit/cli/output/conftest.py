import pytest

from retinaface.cli import main


@pytest.fixture
def run_quietly():
    """Run a command and leave its output to the test; give the exit code."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        return end.value.code

    return call

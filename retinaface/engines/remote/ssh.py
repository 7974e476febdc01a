"""A worker on another machine, reached with the system's own `ssh`; nothing is installed there.

    ssh://[USER@]HOST[:PORT]/PATH/TO/PYTHON

The user's `~/.ssh/config` and known hosts apply, and no password is ever asked for.
"""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from pathlib import Path
from typing import IO

from retinaface.children.start import Child
from retinaface.engines.remote.frames import skip_to, write
from retinaface.engines.remote.sending import package_zip
from retinaface.engines.remote.transport import GRACE_S, Channel, ending, open_channel
from retinaface.errors import EngineUnavailable

SCHEME = "ssh://"
_FORM = "ssh://[USER@]HOST[:PORT]/PATH/TO/PYTHON"
_ADDRESS = re.compile(
    r"ssh://(?:(?P<user>[^@/:]+)@)?(?P<host>\[[0-9a-fA-F:.]+(?:%[^]/@]+)?\]|[^@/:\[\]]+)(?::(?P<port>\d+))?"
    r"(?P<python>/.+)"
)
# A connection is made within ten seconds; one that is dead is given up after three times five.
_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    # A connection of its own, which ends with the worker, and runs this command alone.
    "ControlMaster": "no",
    "ControlPath": "none",
    "RemoteCommand": "none",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
}
_BOOT = Path(__file__).with_name("boot.py")
# Older Pythons could not even read the text that follows, so the first line asks for the version.
_FIRST = (
    'import sys;sys.version_info<(3,10)and sys.exit("Python "+sys.version.split()[0]+" is too old, '
    '3.10 is needed");exec(sys.stdin.buffer.read({n}))'
)
_SSH_FAILED, _NO_PROGRAM, _SIGNALS = 255, (126, 127), 128


class Ssh:
    """Starts `ssh HOST PYTHON -c ...` and sends everything else over its input; a `Transport`."""

    shares_disk = False

    def __init__(self, address: str) -> None:
        """Read an address.

        Raises:
            EngineUnavailable: It is not of the form, or holds a password.
        """
        match = _ADDRESS.fullmatch(address)
        if match is None or any((match[part] or "").startswith("-") for part in ("user", "host")):
            raise EngineUnavailable(
                f"{_without_password(address)} is not an address of a Python; expected {_FORM}, "
                "with a whole path and no password"
            )
        self.where = address
        self._python = match["python"]
        self._to = [
            *(["-l", match["user"]] if match["user"] else []),
            *(["-p", match["port"]] if match["port"] else []),
            "--",
            match["host"].strip("[]"),
        ]
        self._marker = f"\nretinaface worker {secrets.token_hex(8)}\n"
        self._boot = b""

    def start(self, name: str) -> Channel:
        """See `Transport.start`."""
        client = shutil.which("ssh")
        if client is None:
            raise EngineUnavailable(
                f"{name}: cannot reach {self.where}: there is no ssh on PATH; install the client "
                "of OpenSSH (Debian: openssh-client)"
            )
        call = f"\nsys.exit(serve({self._marker!r}, {len(package_zip())}, {GRACE_S}))\n"
        self._boot = _BOOT.read_bytes() + call.encode()
        # exec: no shell stays between; quotes that every shell reads alike.
        there = f"exec {shlex.quote(self._python)} -c '{_FIRST.format(n=len(self._boot))}'"
        options = [word for key, value in _OPTIONS.items() for word in ("-o", f"{key}={value}")]
        command = [client, "-T", *options, *self._to, there]

        def start(their_read: int, their_write: int, printed: IO[bytes]) -> Child:
            return Child(command, stdin=their_read, stdout=their_write, stderr=printed)

        try:
            return open_channel(start)
        except OSError as error:
            raise EngineUnavailable(
                f"{name}: cannot start {client}: {error.strerror}; repair it, or put another "
                "client first on PATH"
            ) from error

    def prepare(self, channel: Channel, deadline: float) -> None:
        """Send the package, and skip what a login shell prints before the worker is there."""
        write(channel.write_fd, memoryview(self._boot + package_zip()), deadline)
        skip_to(channel.read_fd, self._marker.encode(), deadline)

    def describe_end(self, code: int, doing: str, last_words: str) -> str:
        """See `Transport.describe_end`."""
        if code == _SSH_FAILED:
            by_hand = shlex.join(["ssh", *self._to, "true"])
            return f"ssh has no connection, during {doing}{last_words}; try: {by_hand}"
        if code in _NO_PROGRAM:
            return f"that machine could not start it{last_words}; give the path of a Python there"
        if code < 0:
            return f"ssh {ending(code)} during {doing}{last_words}"
        if code > _SIGNALS:
            code = _SIGNALS - code
        return f"the worker process {ending(code)} during {doing}{last_words}"


def _without_password(address: str) -> str:
    """Hide what stands between a user's name and the host."""
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:...@", address)

"""Start an SSH server on the loopback, with keys of its own; no settings of the user are read."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Where Debian keeps the server, beside PATH.
_SBIN = "/usr/sbin:/sbin:/usr/local/sbin"
_READY_S = 20.0
_SERVER = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv PYTHONPATH={pythonpath}
"""
_CLIENT = """\
Host *
    IdentityFile {folder}/client
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
"""


@dataclass(frozen=True)
class Sshd:
    """A running server.

    Attributes:
        folder: Holds keys, settings, and `bin/ssh`, a client with these settings.
    """

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def user(self) -> str:
        """Give the name to log in with."""
        return getpass.getuser()

    @property
    def path(self) -> str:
        """Give the folder that must be first on PATH."""
        return str(self.folder / "bin")

    @property
    def known_hosts(self) -> Path:
        """Give the file that names this server's key."""
        return self.folder / "known_hosts"

    def url(self, python: str | Path = sys.executable) -> str:
        """Give the address of a Python."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{python}"


@contextlib.contextmanager
def running_sshd(pythonpath: Path = Path("/nowhere")) -> Iterator[Sshd]:
    """Start a server, and end it with what it started.

    Args:
        pythonpath: What a Python there finds beside its own packages.

    Raises:
        OSError: A program is missing, or the server does not listen.
    """
    programs = {name: _program(name) for name in ("sshd", "ssh", "ssh-keygen")}
    with tempfile.TemporaryDirectory(prefix="sshd-") as name:
        folder = Path(name)
        for key in ("host", "client"):
            keygen = [programs["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-f", folder / key]
            subprocess.run(keygen, check=True, capture_output=True)
        port = _free_port()
        host_key = (folder / "host.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
        settings = {"port": port, "folder": folder, "pythonpath": pythonpath}
        (folder / "sshd_config").write_text(_SERVER.format(**settings))
        (folder / "ssh_config").write_text(_CLIENT.format(**settings))
        client = folder / "bin" / "ssh"
        client.parent.mkdir()
        client.write_text(f'#!/bin/sh\nexec {programs["ssh"]} -F {folder}/ssh_config "$@"\n')
        client.chmod(0o755)
        with (folder / "log").open("wb") as log:
            command = [programs["sshd"], "-D", "-e", "-f", str(folder / "sshd_config")]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                _wait_until_it_listens(process, port, folder / "log")
                yield Sshd(folder, port, process)
            finally:
                process.terminate()
                process.wait()


def missing_sshd() -> str | None:
    """Say why no command can be run over SSH; None if one was run."""
    try:
        with running_sshd() as server:
            to = ["-p", str(server.port), "-l", getpass.getuser(), "127.0.0.1", "true"]
            client = [f"{server.path}/ssh", "-o", "BatchMode=yes", *to]
            found = subprocess.run(client, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if found.returncode != 0:
        return f"a command over SSH failed: {found.stderr.strip().splitlines()[-1:]}"
    return None


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=_SBIN)
    if found is None:
        raise OSError(f"{name} is not on this machine; install Debian's package openssh-server")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise OSError(f"sshd does not listen: {log.read_text(errors='replace').strip()[-300:]}")

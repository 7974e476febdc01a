"""An engine on another machine, which is this one over SSH: same outputs, nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.remote.engine import RemoteEngine, open_remote_engine
from retinaface.engines.remote.ssh import Ssh
from retinaface.errors import EngineFault, EngineUnavailable
from tests.support.servers.sshd import running_sshd

ROOT = Path(__file__).resolve().parents[4]
ENGINES = "tests.support.given.remote_engines"
IMAGES = np.random.default_rng(0).standard_normal((3, 3, 64, 64)).astype(np.float32)
pytestmark = pytest.mark.needs("sshd")


@pytest.fixture(scope="module")
def server():
    with running_sshd(pythonpath=ROOT) as running:
        yield running


@pytest.fixture(autouse=True)
def _with_the_client_of_the_server(server, monkeypatch):
    monkeypatch.setenv("PATH", f"{server.path}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def there(tmp_path):
    """Make an interpreter of a board: what it prints at login, what it finds, its own folder."""
    (tmp_path / "temporary").mkdir()

    def make(*lines, name="python"):
        python = tmp_path / name
        run = f'exec {sys.executable} "$@"'
        lines = [f"export TMPDIR={tmp_path}/temporary", *lines]
        python.write_text("\n".join(["#!/bin/sh", *lines, *([] if "exec" in lines[-1] else [run])]))
        python.chmod(0o755)
        return python

    return make


def opened(url, factory="plain_cpu_fp32", call_timeout_s=60.0, **options):
    spec = EngineSpec(factory, "fp32", "cpu", height_px=64, width_px=64, options=options)
    return RemoteEngine(spec, f"{ENGINES}:{factory}", url, call_timeout_s=call_timeout_s)


def only(folder, *packages):
    """Make a folder of packages that holds these alone, and give the lines that use it."""
    folder.mkdir()
    for path in Path(np.__file__).parents[1].iterdir():
        if path.name.partition(".")[0] in packages:
            (folder / path.name).symlink_to(path)
    return [f"export PYTHONPATH={folder}", f'exec {sys.executable} -S "$@"']


def processes_of(folder):
    """List the processes that run with a folder for temporary files."""
    found, mark = [], f"TMPDIR={folder}/temporary".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def wait_until_nothing_is_left(folder):
    """Runtimes write files of their own there, which are not ours to remove."""

    def left():
        return processes_of(folder), [*(folder / "temporary").glob("retinaface-*")]

    until = time.monotonic() + 60
    while left() != ([], []) and time.monotonic() < until:
        time.sleep(0.05)
    assert left() == ([], [])


def test_a_board_with_numpy_and_the_runtime_alone_gives_the_same_bits(server, there, tmp_path):
    """The package and the model come by the connection, whatever the login prints before."""
    from retinaface.export.tiny_model import tiny_model

    python = there("echo Welcome to this board", *only(tmp_path / "site", "numpy", "onnxruntime"))
    for module, is_there in (("onnxruntime", True), ("retinaface", False), ("msgspec", False)):
        command = [python, "-c", f"import {module}"]
        found = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
        assert (found.returncode == 0) is is_there, found.stderr
    images = np.random.default_rng(0).standard_normal((2, 3, 320, 320)).astype(np.float32)
    outputs = []
    for place in (sys.executable, server.url(python)):
        with open_remote_engine(place, "ort-cpu-fp32", model=tiny_model()) as engine:
            outputs.append(engine.infer(images))
            assert engine.last_infer_s > 0
            about = engine.describe()
    assert (about["model"], about["python"]) == (tiny_model().name, sys.version.split()[0])
    assert "msgspec" not in engine.environment["packages"]
    for here, far in zip(*outputs, strict=True):
        np.testing.assert_array_equal(here, far)
    wait_until_nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("crashes", "the worker process ended by SIGSEGV during infer"),
        ("hangs", "gave no answer to infer within 0.5 s and was ended"),
        ("faults", "device lost (in ssh://"),
        ("prints", None),
    ],
    ids=["crashes", "hangs", "faults", "prints"],
)
def test_what_goes_wrong_there_is_said_and_leaves_nothing(
    server, there, tmp_path, monkeypatch, how, words
):
    monkeypatch.setattr("retinaface.engines.remote.ssh.GRACE_S", 0.2)
    timeout = 0.5 if how == "hangs" else 60.0
    url = server.url(there())
    with opened(url, "misbehaves_cpu_fp32", call_timeout_s=timeout, how=how) as engine:
        assert len(processes_of(tmp_path)) == 2
        if words is None:
            assert engine.infer(IMAGES).loc.shape == (3, 168, 4)
        else:
            with pytest.raises(EngineFault) as caught:
                engine.infer(IMAGES)
            assert words in str(caught.value)
            assert url in str(caught.value)
    wait_until_nothing_is_left(tmp_path)


def test_an_engine_that_cannot_be_built_there_says_why(server):
    with pytest.raises(EngineUnavailable, match=r"needs a licence \(in ssh://"):
        opened(server.url(), "unavailable_cpu_fp32")
    words = "exit code 7 during open; its last line was: cannot map device memory"
    with pytest.raises(EngineUnavailable, match=words):
        opened(server.url(), "dies_building_cpu_fp32")


def test_nothing_is_left_there_when_the_client_is_killed(server, there, tmp_path):
    """Not even a worker that is in the middle of a call."""
    python = there()
    code = (
        "import numpy as np\n"
        "from retinaface.engines.base import EngineSpec\n"
        "from retinaface.engines.remote import engine, ssh\n"
        "ssh.GRACE_S = 0.2\n"
        "size = {'height_px': 64, 'width_px': 64}\n"
        "spec = EngineSpec('x', 'fp32', 'cpu', **size, options={'ms': '1e6'})\n"
        f"factory, url = {ENGINES + ':plain_cpu_fp32'!r}, {server.url(python)!r}\n"
        "far = engine.RemoteEngine(spec, factory, url)\n"
        "print('open', flush=True)\n"
        "far.infer(np.zeros((1, 3, 64, 64), np.float32))\n"
    )
    client = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    with client, client.stdout:
        assert client.stdout.readline() == b"open\n"
        assert len(processes_of(tmp_path)) == 2
        client.kill()
    wait_until_nothing_is_left(tmp_path)


def test_a_link_that_is_cut_is_named_with_what_to_try(server, there, tmp_path, monkeypatch):
    monkeypatch.setattr("retinaface.engines.remote.ssh.GRACE_S", 0.2)
    with opened(server.url(there())) as engine:
        running = processes_of(tmp_path)
        (server_of_this,) = {parent_of(pid) for pid in running} - set(running)
        os.kill(server_of_this, signal.SIGKILL)
        with pytest.raises(EngineFault) as caught:
            engine.infer(IMAGES)
    assert "ssh has no connection, during infer" in str(caught.value)
    by_hand = f"; try: ssh -l {server.user} -p {server.port} -- 127.0.0.1 true"
    assert by_hand in str(caught.value)
    wait_until_nothing_is_left(tmp_path)


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def refused(url):
    with pytest.raises(EngineUnavailable) as caught:
        opened(url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_machine_that_is_not_known_or_does_not_answer_is_named(server):
    kept = server.known_hosts.read_bytes()
    server.known_hosts.write_bytes(b"")
    try:
        message = refused(server.url())
    finally:
        server.known_hosts.write_bytes(kept)
    assert "its last line was: Host key verification failed.; try: ssh -l" in message
    message = refused("ssh://127.0.0.1:1/usr/bin/python3")
    assert "ssh has no connection, during the start; its last line was: ssh: connect to" in message
    assert "Connection refused; try: ssh -p 1 -- 127.0.0.1 true" in message


def test_a_key_that_is_not_accepted_is_named(server):
    keys = server.folder / "client.pub"
    kept = keys.read_bytes()
    keys.write_bytes(b"")
    try:
        assert "Permission denied (publickey).; try: ssh" in refused(server.url())
    finally:
        keys.write_bytes(kept)


def test_a_python_that_is_none_or_lacks_something_is_named(server, there, tmp_path):
    message = refused(server.url("/nowhere/python"))
    assert message.endswith("; give the path of a Python there")
    assert "that machine could not start it; its last line was:" in message
    python = there(*only(tmp_path / "empty"))
    assert f"{sys.executable} has no NumPy; install it there" in refused(server.url(python))
    old = "import sys; sys.version_info = (3, 9); exec(sys.argv[2])"
    python = there(f"exec {sys.executable} -c '{old}' \"$@\"", name="old")
    assert "is too old, 3.10 is needed" in refused(server.url(python))
    message = refused(server.url("/bin/true"))
    assert "ended with exit code 0 during the start; it printed nothing" in message
    wait_until_nothing_is_left(tmp_path)


def test_a_machine_without_a_client_is_told_what_to_install(monkeypatch, tmp_path, server):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no ssh on PATH; install the client of OpenSSH" in refused(server.url())


@pytest.mark.parametrize(
    "address",
    [
        "ssh://board",
        "ssh://board/",
        "ssh:///usr/bin/python3",
        "ssh://board:port/usr/bin/python3",
        "ssh://-oProxyCommand=x/usr/bin/python3",
        "ssh://-l@board/usr/bin/python3",
    ],
    ids=["no-path", "root", "no-host", "port", "option-as-host", "option-as-user"],
)
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(EngineUnavailable, match=r"not an address of a Python; expected ssh://\["):
        Ssh(address)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(EngineUnavailable) as caught:
        Ssh("ssh://me:secret@board/usr/bin/python3")
    assert "secret" not in str(caught.value)
    assert "no password" in str(caught.value)


def test_no_check_of_the_host_is_turned_off_and_a_dead_link_ends(server, monkeypatch):
    started = []

    def note(command, **_others):
        started.append(command)
        raise OSError(8, "not today")

    monkeypatch.setattr("retinaface.engines.remote.ssh.Child", note)
    with pytest.raises(EngineUnavailable, match="not today; repair it"):
        Ssh("ssh://[::1]:2222/usr/bin/my python").start("x")
    ((_, *command),) = started
    assert command[-4:-1] == ["2222", "--", "::1"]
    assert command[-1].startswith("exec '/usr/bin/my python' -c 'import sys;")
    text = " ".join(command)
    assert "HostKey" not in text
    assert "KnownHosts" not in text
    for option in ("BatchMode=yes", "ConnectTimeout=10", "ServerAliveCountMax=3"):
        assert option in command

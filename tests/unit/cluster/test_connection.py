import socket
import sys

import pytest

from retinaface.cluster import connection
from retinaface.cluster.connection import connect, n_local
from retinaface.errors import ClusterError


def refused(address):
    with pytest.raises(ClusterError) as error, connect(address):
        pass
    return str(error.value)


def test_workers_of_this_machine_live_as_long_as_the_block():
    with connect("local:1") as client:
        assert client.submit(sum, [1, 2]).result() == 3
        assert client.dashboard_link.startswith("http://127.0.0.1:")
    assert client.status == "closed"


@pytest.mark.parametrize("address", ["local", "local:0", "host:1", "http://h:1", "tcp://h", ""])
def test_what_is_no_address_is_refused(address):
    assert "expected tcp://HOST:PORT" in refused(address)


def test_the_number_of_local_workers_is_bounded():
    assert n_local("local:4") == 4
    assert n_local("tls://host:8786") is None
    assert "at most 256" in refused("local:999")


def test_a_closed_port_is_one_line():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        assert f"cannot connect to the scheduler {address}: " in refused(address)


def test_a_listener_that_never_answers_is_one_line(monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_S", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "gave no answer for 0.5 s" in refused(f"tcp://127.0.0.1:{silent.getsockname()[1]}")


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'retinaface[dask]'" in refused("local:1")

"""Start a server of S3 on the loopback; what it stores goes when it ends."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

from fsspec.config import conf


def missing_s3() -> str | None:
    """Say what the tests of S3 lack; None where nothing."""
    lacking = [name for name in ("s3fs", "moto", "flask") if find_spec(name) is None]
    how = "pip install 's3fs>=2025.2' 'moto[server]>=5.1', which `dev` leaves out"
    return f"{', '.join(lacking)} cannot be imported: {how}" if lacking else None


@contextlib.contextmanager
def running_s3() -> Iterator[str]:
    """Start moto's server on a free port; give its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def settings_of_s3(endpoint: str, **more: object) -> Iterator[dict[str, str]]:
    """Let fsspec use a server, here and, by variables, in child processes; give the variables.

    Nothing of the user's own settings is read: key and secret are given.
    """
    settings = {"endpoint_url": endpoint, "key": "tests", "secret": "tests", **more}
    kept = conf.get("s3")
    conf["s3"] = settings
    try:
        yield {"FSSPEC_S3": json.dumps(settings)}
    finally:
        conf.pop("s3")
        if kept is not None:
            conf["s3"] = kept


Answer = Callable[[BaseHTTPRequestHandler, int], None]


@contextlib.contextmanager
def scripted_server(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """Answer each GET, HEAD and PUT with a function, which gets the number of the request.

    Yields:
        The address, and the requests so far.
    """
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.command} {self.path}")
            answer(self, len(requests))

        do_HEAD = do_PUT = do_GET  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

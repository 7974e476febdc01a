"""What goes wrong with a storage is one line; what goes wrong for a while is tried again."""

import contextlib
import sys
import time

import pytest

from retinaface.errors import StorageError
from retinaface.storage import connection
from retinaface.storage.connection import connect, list_files
from retinaface.storage.location import Url
from tests.support.servers.s3 import scripted_server, settings_of_s3

pytestmark = pytest.mark.needs("s3")

LISTING = b"""<?xml version="1.0"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>x/</Prefix>
<KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>
<Contents><Key>x/record.json</Key><Size>2</Size></Contents></ListBucketResult>"""


def answer_with(handler, code, body=b""):
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def server(answer, **limits):
    """Serve what `answer` says; a backoff of nothing, so that a test takes no second."""
    with scripted_server(answer) as (address, requests):
        settings = {"config_kwargs": limits} if limits else {}
        with settings_of_s3(address, skip_instance_cache=True, **settings):
            yield requests


@pytest.fixture
def _no_backoff(monkeypatch):
    monkeypatch.setattr("random.random", lambda: 0.0)


@pytest.mark.usefixtures("_no_backoff")
def test_a_server_that_fails_twice_is_asked_a_third_time():
    def fails_twice(handler, n):
        answer_with(handler, *((503,) if n < 3 else (200, LISTING)))

    with server(fails_twice) as requests:
        assert list_files(Url("s3://b/x")) == ["record.json"]
    assert len(requests) == 3


@pytest.mark.usefixtures("_no_backoff")
def test_a_server_that_keeps_failing_is_given_up_after_three_attempts():
    failing = server(lambda handler, _: answer_with(handler, 500))
    refused = pytest.raises(StorageError, match=r"^cannot list s3://b/x: .*; check the address")
    with failing as requests, refused:
        list_files(Url("s3://b/x"))
    assert len(requests) == 3


@pytest.mark.usefixtures("_no_backoff")
def test_a_server_that_never_answers_is_given_up_after_six_limits():
    """The limit of the user comes before that of this package; here it is short."""
    started = []

    def keeps_silent(_handler, _n):
        started.append(time.monotonic())
        time.sleep(1.0)

    with server(keeps_silent, read_timeout=0.2) as requests:
        with pytest.raises(StorageError, match="cannot list s3://b/x: .*[Tt]imeout"):
            list_files(Url("s3://b/x"))
        assert len(requests) == 3 * connection._S3_ROUNDS
    assert started[-1] - started[0] >= 5 * 0.2


def test_the_limits_of_s3_are_those_of_the_docs(s3):
    """What docs/storage.md says."""
    config = s3.s3._client_config if hasattr(s3.s3, "_client_config") else s3.s3.meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 10)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert s3.retries == 2


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "s3://no-such-bucket/x",
            "cannot list s3://no-such-bucket/x: FileNotFoundError: The",
        ),
        ("nonsense://x", "cannot open nonsense://x: ValueError: Protocol not known: nonsense"),
        ("hdfs://host/x", "install fsspec and the driver of this protocol"),
    ],
    ids=["bucket", "protocol", "driver"],
)
def test_what_is_not_there_is_one_line(s3, address, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.implementations.arrow", None)  # of hdfs
    with pytest.raises(StorageError) as caught:
        list_files(Url(address))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StorageError, match=r"pip install 'retinaface\[s3\]'"):
        connect(Url("s3://bucket/x"))


def test_a_reason_shows_no_secret():
    url = Url("https://me:secret@127.0.0.1/a?token=secret")
    with pytest.raises(StorageError) as caught, connection.storage_errors("read", url):
        raise OSError(f"404 at {url.address}, and at https://other/?key=secret")
    assert "secret" not in str(caught.value)
    assert "404 at https://me:...@127.0.0.1/a?..." in str(caught.value)

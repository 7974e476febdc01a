import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retinaface.assets import (
    REGISTRY,
    Asset,
    cache_dir,
    fetch_asset,
    find_asset,
    get_asset,
    mirror_dir,
)
from retinaface.errors import AssetError

CONTENT = b"pinned content" * 1000


@contextmanager
def server(respond):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            respond(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()


def whole(handler, body=CONTENT, announced=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(announced or len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def asset(*urls):
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Asset("file.bin", "sub", urls, f"sha256:{digest}", len(CONTENT), "MIT")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_fetch_downloads_once_into_the_cache(cache):
    calls = []

    def respond(handler):
        calls.append(handler.path)
        whole(handler)

    with server(respond) as url:
        path = fetch_asset(asset(f"{url}/a"))
        assert fetch_asset(asset(f"{url}/a")) == path
    assert calls == ["/a"]
    assert path == cache / "sub/file.bin"
    assert path.read_bytes() == CONTENT


def test_fetch_tries_the_urls_in_order(cache):
    def respond(handler):
        if handler.path == "/gone":
            handler.send_error(404)
        else:
            whole(handler)

    with server(respond) as url:
        assert fetch_asset(asset(f"{url}/gone", f"{url}/there")).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("respond", "reason"),
    [
        (lambda h: whole(h, b"something else"), "does not have the pinned hash"),
        (lambda h: whole(h, CONTENT[:500], announced=len(CONTENT)), "Incomplete|Connection|hash"),
        (lambda h: h.send_error(503), "503"),
    ],
    ids=["wrong-hash", "cut-short", "unavailable"],
)
def test_a_failed_download_leaves_nothing_and_names_the_next_step(cache, respond, reason):
    with server(respond) as url, pytest.raises(AssetError, match=reason) as caught:
        fetch_asset(asset(f"{url}/a"))
    message = str(caught.value)
    assert "cannot fetch file.bin" in message
    assert f"{url}/a" in message
    assert f"at {cache / 'sub/file.bin'}" in message
    assert "RETINAFACE_ASSETS" in message
    assert files(cache) == []


def test_no_network_is_one_error_that_lists_every_url():
    # Port 9 (discard) of the loopback: nothing listens there.
    with pytest.raises(AssetError, match=r"127\.0\.0\.1:9/a.*127\.0\.0\.1:9/b"):
        fetch_asset(asset("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"))


def test_the_mirror_comes_before_the_cache(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "mirror"))
    for folder in (cache, tmp_path / "mirror"):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub/file.bin").write_bytes(CONTENT)
    assert find_asset(asset()) == tmp_path / "mirror/sub/file.bin"
    (tmp_path / "mirror/sub/file.bin").unlink()
    assert find_asset(asset()) == cache / "sub/file.bin"
    (cache / "sub/file.bin").unlink()
    assert find_asset(asset()) is None


def test_a_damaged_file_in_the_mirror_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/file.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(AssetError, match=r"is not the pinned file\.bin: expected sha256:.*got"):
        fetch_asset(asset("http://127.0.0.1:9/a"))


def test_a_missing_mirror_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "missing"))
    with pytest.raises(AssetError, match="is not a folder; correct or unset it"):
        mirror_dir()


def test_the_cache_is_the_users_without_a_variable(monkeypatch):
    monkeypatch.delenv("RETINAFACE_CACHE")
    assert cache_dir().name == "retinaface"


def test_the_registry_pins_every_file():
    assert list(REGISTRY) == [
        "mobilenet0.25_Final.pth",
        "wider_face_val.mat",
        "wider_easy_val.mat",
        "wider_medium_val.mat",
        "wider_hard_val.mat",
        "WIDER_val.zip",
    ]
    for entry in REGISTRY.values():
        algorithm, digest = entry.known_hash.split(":")
        assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]
        assert all(url.startswith("https://") for url in entry.urls)
        assert entry.n_bytes > 0
        assert entry.licence


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(AssetError, match=r"unknown asset 'x'; expected one of: mobilenet0\.25"):
        get_asset("x")

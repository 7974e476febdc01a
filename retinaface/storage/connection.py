"""Open a storage with limits and retries, and put what goes wrong into one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from retinaface.errors import RetinaFaceError, StorageError, first_line
from retinaface.storage.location import Url, without_secrets

# Limits for S3, whose own take six minutes to give up on a server that keeps silent: three attempts
# by botocore, each of at most 10 s, with up to 1 s and 2 s between them; and all of it twice by
# s3fs, which alone knows when an answer broke off.
_S3_LIMITS: Mapping[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
_S3_ROUNDS = 2


@contextlib.contextmanager
def storage_errors(doing: str, url: Url) -> Iterator[None]:
    """Turn any exception of a driver into one line.

    Raises:
        StorageError: Something failed, after the driver's own retries.
    """
    try:
        yield
    except RetinaFaceError:
        raise
    except ImportError as error:
        raise StorageError(
            f"cannot {doing} {url}: {first_line(error)}; install fsspec and the driver of this "
            "protocol (both for S3: pip install 'retinaface[s3]')"
        ) from error
    except Exception as error:
        reason = without_secrets(first_line(error)).replace(url.address, str(url))
        raise StorageError(
            f"cannot {doing} {url}: {type(error).__name__}: {reason}; check the address, the "
            "credentials and the server"
        ) from error


def connect(url: Url) -> tuple[Any, str]:
    """Open the file system of a URL; its methods may be called from several threads.

    Returns:
        The file system of fsspec, and the path in it.

    Raises:
        StorageError: There is no driver, or its settings are wrong.
    """
    with storage_errors("open", url):
        import fsspec
        from fsspec.config import conf

        protocol = url.address.partition("://")[0]
        options: dict[str, Any] = {}
        if protocol in ("s3", "s3a"):
            own = conf.get(protocol, {}).get("config_kwargs", {})
            options["config_kwargs"] = {**_S3_LIMITS, **own}
        files, path = fsspec.url_to_fs(url.address, **options)
        if "config_kwargs" in options:
            files.retries = _S3_ROUNDS
        return files, str(path).rstrip("/")


def list_files(url: Url) -> list[str]:
    """List all files below a URL by their names relative to it; see `list_sizes`."""
    return list(list_sizes(url))


def list_sizes(url: Url) -> dict[str, int | None]:
    """List all files below a URL by their names relative to it; a file itself has an empty name.

    Returns:
        The size of each in bytes; None where the storage states none.

    Raises:
        StorageError: It is not there, or cannot be listed.
    """
    files, top = connect(url)
    with storage_errors("list", url):
        files.invalidate_cache()
        found = files.find(top, detail=True)
        if not found:
            raise FileNotFoundError("nothing is there")
        return {path[len(top) + 1 :]: about.get("size") for path, about in found.items()}

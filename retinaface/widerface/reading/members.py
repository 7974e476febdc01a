"""Say what a file of a folder or zip is, which ones are passed over, and how much is read."""

from __future__ import annotations

from dataclasses import dataclass

from retinaface.errors import DatasetError, excerpt

# What systems and tools put into folders without a dot in front; in lower case.
_SYSTEM = frozenset(
    (
        "__macosx",
        "__pycache__",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
        "@eadir",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
        "found.000",
    )
)
# Limits of one folder or zip. The official set has 3226 texts, at original scale of 8 MB in all and
# 0.1 MB in the largest; a text of 8 MiB holds 200 000 detections. Reading 50 000 texts takes 7 s.
MAX_ENTRIES = 50_000
MAX_TEXT_BYTES = 8 << 20
MAX_TOTAL_BYTES = 128 << 20
MAX_DEPTH = 32


@dataclass(frozen=True)
class Member:
    """A file of a folder or zip.

    Attributes:
        parts: Folders and name, inside the folder or zip.
        data: Its bytes; None where they were not wanted.
        has_backslashes: Whether backslashes separated its parts.
    """

    parts: tuple[str, ...]
    data: bytes | None
    has_backslashes: bool = False

    @property
    def name(self) -> str:
        """Give the name of the file, without folders."""
        return self.parts[-1]

    def __str__(self) -> str:
        return "/".join(self.parts)


def is_hidden(parts: tuple[str, ...]) -> bool:
    """Tell whether a file is hidden, a backup, or made by a system or tool for itself."""
    return any(
        part.startswith((".", "~$")) or part.endswith("~") or part.lower() in _SYSTEM
        for part in parts
    )


def check_entries(n: int, source: object) -> None:
    """Refuse a folder or zip with more entries than any set of predictions has.

    Raises:
        DatasetError: There are more than `MAX_ENTRIES`.
    """
    if n > MAX_ENTRIES:
        raise DatasetError(
            f"{source} has more than {MAX_ENTRIES} entries, expected one for each image; put "
            "the files of one set alone into a folder or zip"
        )


def check_depth(parts: tuple[str, ...], source: object) -> None:
    """Refuse a file below more folders than anybody makes.

    Raises:
        DatasetError: There are more than `MAX_DEPTH`.
    """
    if len(parts) > MAX_DEPTH:
        raise DatasetError(
            f"{source} has folders inside each other, {len(parts)} deep, expected at most "
            f"{MAX_DEPTH}: {excerpt('/'.join(parts))}; expected <event>/<name>.txt"
        )


def check_total(n_bytes: int, source: object) -> None:
    """Refuse more text than any set of predictions has.

    Raises:
        DatasetError: There is more than `MAX_TOTAL_BYTES`.
    """
    if n_bytes > MAX_TOTAL_BYTES:
        raise DatasetError(
            f"{source} holds texts of more than {MAX_TOTAL_BYTES >> 20} MiB in all; write "
            "the predictions of one set, and fewer of low scores"
        )

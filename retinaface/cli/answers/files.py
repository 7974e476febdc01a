"""Answers of the commands that make and find files: `assets`, `build`, `export`, `report`."""

from __future__ import annotations

from msgspec import Struct

from retinaface.cli.output.answer import Answer
from retinaface.export.build_manifest import BuildManifest
from retinaface.export.manifest import Manifest
from retinaface.verdicts import Verdict


class AssetRow(Struct, kw_only=True):
    """A pinned file.

    Attributes:
        n_bytes: Its size; None where it is damaged and has no pinned size.
        path: Where it is on this machine; None where it is not, or not as pinned.
        has_wrong_hash: It is on this machine, and is another file.
    """

    name: str
    n_bytes: int | None
    licence: str
    path: str | None
    has_wrong_hash: bool = False


class AssetList(Answer, kw_only=True, tag="assets list"):
    """The pinned files."""

    assets: list[AssetRow]


class AssetPaths(Answer, kw_only=True, tag="assets fetch"):
    """Where the fetched files are."""

    paths: list[str]


class AssetPath(Answer, kw_only=True, tag="assets path"):
    """Where a file is."""

    path: str


class ExportedFile(Struct, kw_only=True):
    """A file that `export` wrote, and those beside it.

    Attributes:
        beside: Its own reference, where it has one, and its manifest.
        manifest: The content of the manifest.
    """

    path: str
    beside: list[str]
    manifest: Manifest


class Exported(Answer, kw_only=True, tag="export"):
    """What was exported."""

    files: list[ExportedFile]


class Built(Answer, kw_only=True, tag="build"):
    """The engine file that was built.

    Attributes:
        manifest_path: Of the manifest beside it.
        manifest: Its content.
    """

    path: str
    manifest_path: str
    manifest: BuildManifest


class WrittenFile(Struct, kw_only=True):
    """A file and its size."""

    path: str
    n_bytes: int


class Reported(Answer, kw_only=True, tag="report"):
    """The report that was written; its verdict is not the exit code of the command.

    Attributes:
        scorecard: Lines of the first screen, for one run.
    """

    verdict: Verdict
    scorecard: list[str]
    files: list[WrittenFile]

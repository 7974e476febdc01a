"""A manifest is read back as it was written, and belongs to one file."""

import pytest

from retinaface.errors import EngineUnavailable, ManifestError
from retinaface.export.build_manifest import (
    BuildManifest,
    check_build,
    manifest_of,
    read_build_manifest,
    write_build_manifest,
)
from retinaface.storage.hashing import file_sha256

NAME = "igie-iluvatar-fp16"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "X.so"
    path.write_bytes(b"a build")
    return path


def manifest(file, **changes):
    fields = {
        "file": file.name,
        "sha256": file_sha256(file),
        "engine": NAME,
        "precision": "fp16",
        "batch": 32,
        "size_px": (320, 320),
        "options": {"batch": "32"},
        "runtime": "igie 0.18.0",
        "source": "retinaface_opt.onnx",
        "source_sha256": "0" * 64,
        "versions": {"onnx": "1.23.2"},
        "build_s": 2.5,
        "created": "2026-11-27T00:00:00+00:00",
    }
    return BuildManifest(**fields | changes)


def test_what_is_written_is_read_back(file):
    write_build_manifest(file, manifest(file))
    assert manifest_of(file).name == "X.so.json"
    assert read_build_manifest(file) == manifest(file)
    check_build(NAME, "fp16", file)


def test_without_a_manifest_nothing_is_checked(file):
    assert read_build_manifest(file) is None
    check_build(NAME, "fp32", file)


def test_a_changed_file_and_another_precision_are_refused(file):
    write_build_manifest(file, manifest(file))
    with pytest.raises(EngineUnavailable, match="was built in FP16 for igie-iluvatar-fp16"):
        check_build("igie-iluvatar-fp32", "fp32", file)
    file.write_bytes(b"another")
    with pytest.raises(EngineUnavailable, match="is not the file of its manifest X.so.json"):
        check_build(NAME, "fp16", file)


@pytest.mark.parametrize("content", ["{", '{"kind": "engine-file", "file": 1}'])
def test_a_damaged_manifest_is_named(file, content):
    manifest_of(file).write_text(content)
    with pytest.raises(ManifestError, match="cannot read the manifest .*X.so.json"):
        read_build_manifest(file)

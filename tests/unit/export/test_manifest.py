"""Manifests are read, those of earlier releases too; damaged ones are named."""

import json

import jsonschema
import pytest

from retinaface.errors import ManifestError
from retinaface.export.external_data import model_sha256
from retinaface.export.manifest import (
    Steps,
    check_reference,
    json_schema,
    read_manifest,
    sidecars,
    write_manifest,
)
from retinaface.export.tiny_model import write_model
from tests.support.foreign_files import change_last_weight, move_weights_outside
from tests.support.made.manifests import made_manifest, write_manifest_of


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"x")
    return path


def edited(model, **changes):
    """Change fields of the manifest beside a file; None takes one away."""
    path = model.with_suffix(".json")
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def test_the_files_beside_an_export_have_its_name(model):
    assert sidecars(model) == (model.with_name("a.reference.npz"), model.with_name("a.json"))


def test_a_manifest_is_read_only_for_the_file_that_it_is_of(model):
    assert read_manifest(model) is None
    written = write_manifest_of(model, exported={"Conv": 56}, layers={"stem": "/stem/Conv"})
    assert read_manifest(model) == written
    model.write_bytes(b"y")
    with pytest.raises(ManifestError, match=r"a\.onnx is not the file of its manifest a\.json"):
        read_manifest(model)
    model.unlink()
    assert read_manifest(model) is None


def test_it_keeps_its_own_schema(model):
    write_manifest_of(model, exported={"Conv": 56})
    content = json.loads(model.with_suffix(".json").read_text())
    jsonschema.validate(content, json_schema())
    content["options"]["opset"] = "thirteen"
    with pytest.raises(jsonschema.ValidationError, match="thirteen"):
        jsonschema.validate(content, json_schema())


def test_a_manifest_of_an_earlier_release_is_read(model):
    """Without layers and steps, which were added since, and without a version."""
    write_manifest_of(model, exported={"Conv": 56}, layers={"stem": "/stem/Conv"})
    edited(model, layers=None, steps=None, manifest_version=None)
    found = read_manifest(model)
    assert (found.manifest_version, found.layers, found.steps) == (1, {}, Steps())


def test_what_is_not_known_is_passed_over(model):
    written = write_manifest_of(model)
    edited(model, comment="ours", weights={"source": "x.pth", "sha256": "0" * 64, "size": 1})
    assert read_manifest(model).options == written.options


def test_a_file_of_another_format_has_no_manifest_in_that_of_its_source(model):
    """An engine that was built from an export lies beside it, under the same name."""
    write_manifest_of(model)
    built = model.with_suffix(".so")
    built.write_bytes(b"engine")
    assert read_manifest(built) is None


@pytest.mark.needs("onnx")
def test_weights_in_another_file_belong_to_what_the_manifest_describes(tmp_path):
    path = tmp_path / "a.onnx"
    write_model(path)
    data = move_weights_outside(path)
    manifest = made_manifest(sha256=model_sha256(path))
    write_manifest(path.with_suffix(".json"), manifest)
    assert read_manifest(path) == manifest
    change_last_weight(data, 7)
    with pytest.raises(ManifestError, match="is not the file of its manifest"):
        read_manifest(path)


def test_a_reference_is_that_of_the_manifest_or_refused(model):
    stored = sidecars(model)[0]
    stored.write_bytes(b"outputs")
    assert not check_reference(model, stored)
    write_manifest_of(model)
    assert check_reference(model, stored)
    assert not check_reference(model, stored.with_name("other.npz"))
    stored.write_bytes(b"0utputs")
    with pytest.raises(ManifestError, match=r"a\.reference\.npz is not the reference of the man"):
        check_reference(model, stored)


@pytest.mark.parametrize("text", ['{"sha256": "abc"}', "[1, 2]", '{"layers": 3}', '"words"'])
def test_a_vendors_file_of_that_name_is_no_manifest(model, text):
    model.with_suffix(".json").write_text(text)
    assert read_manifest(model) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"weights": None}, "missing required field `weights`"),
        ({"sha256": None}, "missing required field `sha256`"),
        ({"weights": {"source": "x", "sha256": "abc"}}, r"\$\.weights\.sha256"),
        ({"operators": {"Conv": "many"}}, r"Expected `int`, got `str` - at `\$\.operators"),
        ({"options": {"opset": 99}}, "cannot write opset 99"),
        ({"manifest_version": 2}, "it has version 2, this release reads 1"),
    ],
    ids=["field", "hash", "pattern", "type", "option", "version"],
)
def test_a_manifest_that_cannot_be_read_says_where_and_what_next(model, changes, why):
    write_manifest_of(model)
    edited(model, **changes)
    message = rf"cannot read the manifest .*a\.json: .*{why}.*; restore it, export again with"
    with pytest.raises(ManifestError, match=message):
        read_manifest(model)


@pytest.mark.parametrize("content", [b"{damaged", b"\xff", b""])
def test_what_is_no_json_is_damaged(model, content):
    model.with_suffix(".json").write_bytes(content)
    with pytest.raises(ManifestError, match=r"cannot read the manifest .*a\.json: "):
        read_manifest(model)

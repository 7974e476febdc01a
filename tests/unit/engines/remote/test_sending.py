"""What is sent to another machine: all that a worker may import, and the files of an engine."""

import ast
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.remote.sending import package_zip, send_files
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import tiny_model

ROOT = Path(__file__).resolve().parents[4]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_module_that_an_engine_may_import_is_sent():
    todo, found = [*(ROOT / "retinaface" / "engines").rglob("*.py")], set()
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        for name in imported(path):
            place = ROOT.joinpath(*name.split("."))
            if name.startswith("retinaface"):
                files = (place.with_suffix(".py"), place / "__init__.py")
                todo += [file for file in files if file.is_file()]
    names = set(zipfile.ZipFile(io.BytesIO(package_zip())).namelist())
    assert {path.relative_to(ROOT).as_posix() for path in found} <= names
    assert not [name for name in names if name.startswith("retinaface/cli/")]


class Board:
    """Keeps what is sent."""

    def __init__(self):
        self.files = {}

    def store(self, name, sha256, content):
        assert hashlib.sha256(content.tobytes()).hexdigest() == sha256
        self.files[name] = content.tobytes()
        return f"/there/{name}"


def test_files_keep_their_names_in_a_folder_named_by_content(tmp_path):
    model, board = tiny_model(), Board()
    folder = hashlib.sha256(model.read_bytes()).hexdigest()[:16]
    sent = send_files(EngineSpec("x", "fp32", "cpu", model=model, weights="other"), board.store)
    assert sent.model == Path(f"/there/{folder}/{model.name}")
    assert sent.weights == "other"
    assert board.files == {f"{folder}/{model.name}": model.read_bytes()}


def test_a_prebuilt_engine_goes_with_its_note_and_a_checkpoint_alone(tmp_path):
    build, weights, board = tmp_path / "x.so", tmp_path / "w.pth", Board()
    for file in (build, tmp_path / "x.so.json", weights):
        file.write_text(file.name)
    sent = send_files(EngineSpec("x", "fp32", "cpu", engine_file=build), board.store)
    assert sorted(Path(name).name for name in board.files) == ["x.so", "x.so.json"]
    assert {str(sent.engine_file.parent)} == {f"/there/{Path(n).parent}" for n in board.files}
    sent = send_files(EngineSpec("x", "fp32", "cpu", weights=str(weights)), board.store)
    assert sent.weights.endswith("/w.pth")
    assert sent.weights.startswith("/there/")
    spec = EngineSpec("x", "fp32", "cpu", weights="embedded")
    assert send_files(spec, board.store) == spec


def test_a_model_that_is_a_folder_is_refused(tmp_path):
    with pytest.raises(EngineUnavailable, match="it is a folder; give a model in one file"):
        send_files(EngineSpec("x", "fp32", "cpu", model=tmp_path), Board().store)

"""Fixtures of all unit tests."""

import hashlib
import json

import pytest

from retinaface.suite.settings.given import NO_FILE
from retinaface.suite.settings.known import KNOWN
from retinaface.suite.settings.variables import CONFIG_VARIABLE, variable


@pytest.fixture(autouse=True)
def _no_user_cache(tmp_path_factory, monkeypatch):
    """Hide the user's cache and the mirror: unit tests need no file outside the repo."""
    monkeypatch.delenv("RETINAFACE_ASSETS", raising=False)
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _no_user_configuration(monkeypatch):
    """Hide a configuration file of the checkout, and options in variables."""
    for name in KNOWN:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.setenv(CONFIG_VARIABLE, NO_FILE)


@pytest.fixture(scope="session")
def shared_exports(tmp_path_factory):
    """Run an exporter once for the same weights and options, for all workers.

    A run of dynamo takes 5 s. Tests that replace an exporter do not use this.
    """
    import torch

    from retinaface.export import exporter
    from retinaface.network.checkpoint import tensors_sha256

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "exporter-runs"
    folder.mkdir(exist_ok=True)
    originals = {exporter._export_dynamo, exporter._export_torchscript, torch.onnx.export}
    run_exporter = exporter._run_exporter

    def run_once(run, model, options, place):
        if not {run, torch.onnx.export} <= originals:
            return run_exporter(run, model, options, place)
        key = f"{tensors_sha256(model)} {run.__name__} {options}"
        file = folder / hashlib.sha256(key.encode()).hexdigest()
        if not file.exists():
            proto, notes = run_exporter(run, model, options, place)
            whole = place / f"{file.name}.whole"
            whole.write_bytes(json.dumps(notes).encode() + b"\n" + proto)
            whole.replace(file)
        notes, _, proto = file.read_bytes().partition(b"\n")
        return proto, json.loads(notes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "_run_exporter", run_once)
        yield

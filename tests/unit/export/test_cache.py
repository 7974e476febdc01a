import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retinaface.errors import WeightsError
from retinaface.export.manifest import check_reference, read_manifest
from retinaface.telling.work import shown_by

pytestmark = pytest.mark.needs("torch", "onnx", "onnxsim")


def test_an_export_is_made_once_and_again_after_damage(monkeypatch):
    from retinaface.export import cache

    path = cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "export", None)  # a second export would fail
        assert path == cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    path.write_bytes(before[:-1])
    cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    assert path.read_bytes() == before
    path.with_suffix(".json").write_text("{")
    cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    assert read_manifest(path) is not None
    reference = path.with_suffix(".reference.npz")
    reference.write_bytes(reference.read_bytes() + b"x")
    told = []
    with shown_by(lambda what: told.append(what) or contextlib.nullcontext()):
        cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    assert check_reference(path, reference)
    assert told[0].endswith("(again: the one in the cache was damaged)")


@pytest.mark.parametrize(
    "changed",
    [
        "network/config.py",
        "network/priors.py",
        "network/model.py",
        "reference/from_torch.py",
        "reference/rounding.py",
        "reference/stored.py",
        "export/layer_match.py",
        "export/onnx_graph.py",
    ],
)
def test_a_change_of_code_exports_again(changed, tmp_path, monkeypatch):
    from retinaface.export import cache

    package = tmp_path / "retinaface"
    shutil.copytree(Path(cache.__file__).parents[1], package)
    monkeypatch.setattr(cache, "__file__", str(package / "export" / "cache.py"))
    before = cache.code_sha256()
    with (package / changed).open("a") as file:
        file.write("\n")
    assert cache.code_sha256() != before


def test_a_missing_checkpoint_is_named(tmp_path):
    from retinaface.export.cache import cached_export

    with pytest.raises(WeightsError, match="No such file"):
        cached_export(tmp_path / "w.pth", precision="fp32", dynamic_size=False)


# Stands for an export: it says that it began, takes until it is told to end, and leaves a file.
# What takes long is told on stderr.
MAKER = """
import contextlib
import sys
from pathlib import Path
from retinaface.export import cache
from retinaface.telling.work import shown_by

def export(_loaded, _options, path):
    print("exporting", flush=True)
    sys.stdin.readline()
    path.write_text("whole")
    path.with_suffix(".json").write_text("{}")

@contextlib.contextmanager
def show(what):
    print(what, file=sys.stderr, flush=True)
    yield

cache.export, cache._is_whole = export, Path.is_file
with shown_by(show):
    print(cache.cached_export("embedded", precision="fp32", dynamic_size=False), flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """Start processes that export into a cache of their own."""
    environment = dict(os.environ, RETINAFACE_CACHE=str(tmp_path / "cache"))
    with contextlib.ExitStack() as stack:

        def call():
            process = subprocess.Popen(
                [sys.executable, "-c", MAKER],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield call


def test_two_first_runs_at_once_share_one_export(start):
    first = start()
    assert first.stdout.readline() == "exporting\n"
    second = start()
    waiting = second.stderr.readline()
    assert waiting.startswith("waiting for another process, which exports ")
    path, _ = first.communicate("\n")
    assert second.communicate() == (path, "")  # without an export of its own
    assert path.strip() in waiting


def test_a_process_that_died_holds_nobody_up(start):
    first = start()
    assert first.stdout.readline() == "exporting\n"
    first.kill()
    first.wait()
    second = start()
    assert second.stdout.readline() == "exporting\n"
    _, err = second.communicate("\n")
    assert second.returncode == 0
    assert "waiting" not in err

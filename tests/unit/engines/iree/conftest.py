"""Modules that the tests of IREE share: each takes seconds to compile."""

from pathlib import Path

import pytest

from retinaface.engines.opening import open_engine
from retinaface.export.tiny_model import write_model


@pytest.fixture(scope="package")
def made(tmp_path_factory):
    """Give the source and the module of a small model in a precision, compiled once."""
    modules = {}

    def get(precision="fp32") -> tuple[Path, Path]:
        if precision not in modules:
            folder = tmp_path_factory.mktemp(precision)
            source = folder / "model.onnx"
            write_model(source, precision=precision)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("RETINAFACE_CACHE", str(folder / "cache"))
                with open_engine(f"iree-cpu-{precision}", model=source) as engine:
                    modules[precision] = source, engine.built_file
        return modules[precision]

    return get

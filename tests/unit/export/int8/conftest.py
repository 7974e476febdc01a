import pytest

from tests.support.given.int8_exports import run_export


@pytest.fixture(scope="session")
def loaded():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded")


@pytest.fixture(scope="session")
def qdq(loaded, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "x.onnx"
    return path, run_export(loaded, path)

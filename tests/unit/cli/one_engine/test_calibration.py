import hashlib

import pytest

from retinaface.export.manifest import read_manifest

BASE = ("export", "--output", "x.onnx", "--weights", "embedded")
NEEDS = pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")


@pytest.fixture
def pictures(tmp_path):
    """A folder with three pictures of the embedded set, and a text."""
    from retinaface.embedded import embedded_root

    folder = tmp_path / "pictures" / "deep"
    folder.mkdir(parents=True)
    for picture in sorted(embedded_root().rglob("*.jpg"))[:3]:
        (folder / picture.name).write_bytes(picture.read_bytes())
    (folder / "list.txt").write_text("no image")
    return folder.parent


@NEEDS
def test_a_folder_calibrates_and_is_kept_as_hashes(run, pictures, tmp_path):
    code, out, _ = run(
        *BASE, "--precision", "int8", "--calibration", pictures, "--float-layer", "fpn.merge1.0"
    )
    assert code == 0
    assert f"note: 3 images of {pictures} calibrate" in out
    assert "1 without an image's ending" in out
    manifest = read_manifest(tmp_path / "x.onnx")
    contents = [path.read_bytes() for path in pictures.rglob("*.jpg")]
    assert manifest.calibration.sha256 == tuple(
        sorted(hashlib.sha256(content).hexdigest() for content in contents)
    )
    assert str(pictures) not in (tmp_path / "x.json").read_text()
    assert manifest.options.int8.float_layers == ("fpn.merge1.0",)


@NEEDS
def test_a_folder_without_images_and_a_damaged_image_are_refused(refuse, pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    int8 = (*BASE, "--precision", "int8", "--calibration")
    refuse(*int8, tmp_path / "empty", match="empty holds no image; give a folder with images")
    refuse(*int8, tmp_path / "none", match="none: it is not a folder")
    (pictures / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    refuse(*int8, pictures, match=r"bad\.jpg")
    assert not (tmp_path / "x.onnx").exists()


@NEEDS
@pytest.mark.parametrize(
    "option",
    [
        ("--calibration", "DIR"),
        ("--calibration-method", "entropy"),
        ("--quantisation", "qdq"),
        ("--float-layer", "x"),
    ],
)
def test_options_of_int8_go_with_int8(option, run):
    code, _, err = run(*BASE, *option)
    assert code == 2
    assert f"{option[0]} goes with --precision int8; add it, or drop both" in err

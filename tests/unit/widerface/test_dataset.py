import shutil

import pytest

from retinaface.errors import DatasetError, ImageError
from retinaface.widerface.dataset import check_whole, default_root, open_widerface
from tests.support.made.widerface_copy import (
    IMAGES,
    coco_of,
    jpeg,
    write_json,
    write_official_layout,
    write_truth_text,
    write_vendor_layout,
)


@pytest.fixture(params=["vendor", "official", "official-zip"])
def root(request, tmp_path):
    if request.param == "vendor":
        return write_vendor_layout(tmp_path)
    return write_official_layout(tmp_path, zipped=request.param == "official-zip")


def test_every_layout_gives_the_same_images(root):
    dataset = open_widerface(root)
    assert dataset.select().images == tuple(IMAGES)
    assert dataset.read_bytes(IMAGES[3]) == jpeg(3)


def test_select_takes_a_subset_and_a_limit(root):
    dataset = open_widerface(root)
    assert len(dataset.select("every-8").images) == 3
    assert dataset.select(limit=2).images == tuple(IMAGES[:2])


def test_the_order_is_that_of_the_list(tmp_path):
    root = write_vendor_layout(tmp_path)
    lines = (root / "val/wider_val.txt").read_text().splitlines()
    (root / "val/wider_val.txt").write_text("\n".join(reversed(lines)))
    assert open_widerface(root).select().images == tuple(reversed(IMAGES))


def as_ixrt(root):
    """Turn IGIE's layout into ixRT's: list and images at the root."""
    for name in ("images", "wider_val.txt"):
        (root / "val" / name).rename(root / name)
    (root / "val").rmdir()
    return root


def test_the_layout_of_ixrt_has_its_own_order(tmp_path):
    root = as_ixrt(write_vendor_layout(tmp_path))
    text = "".join(f"{image}.jpg\n" for image in reversed(IMAGES))
    (root / "wider_val.txt").write_text(text)
    assert open_widerface(root).select().images == tuple(reversed(IMAGES))
    (root / "wider_val.txt").write_text(f"{IMAGES[2]}.jpg\n")
    assert open_widerface(root).select().images == (IMAGES[2],)


def test_ground_truth_may_lie_elsewhere(tmp_path):
    root = write_vendor_layout(tmp_path / "set")
    (root / "ground_truth").rename(tmp_path / "truth")
    assert open_widerface(root, tmp_path / "truth").select().images == tuple(IMAGES)
    check_whole(root, may_fetch=False, ground_truth=tmp_path / "truth")
    with pytest.raises(DatasetError, match="ground truth .* is missing"):
        check_whole(root, may_fetch=False)


def test_text_serves_as_ground_truth_of_a_set(tmp_path):
    root = write_vendor_layout(tmp_path)
    shutil.rmtree(root / "ground_truth")
    write_truth_text(root / "ground_truth")
    dataset = open_widerface(root)
    assert dataset.truth.splits == ("all faces",)
    assert "AP of all faces" in dataset.notes[0]
    check_whole(root, may_fetch=False)


def test_images_outside_a_subset_may_be_missing(tmp_path):
    root = write_vendor_layout(tmp_path)
    dataset = open_widerface(root)
    wanted = dataset.select("every-8").images
    for image in set(IMAGES) - set(wanted):
        (root / "val/images" / f"{image}.jpg").unlink()
    assert dataset.select("every-8").images == wanted
    with pytest.raises(DatasetError, match="8 of 11 images are missing.*add --subset every-8"):
        dataset.select()


def test_a_missing_image_of_a_subset_is_an_error(tmp_path):
    root = write_vendor_layout(tmp_path)
    dataset = open_widerface(root)
    gone = dataset.select("every-8").images[1]
    (root / "val/images" / f"{gone}.jpg").unlink()
    with pytest.raises(DatasetError, match=f"1 of 3 images are missing.*{gone}.jpg"):
        dataset.select("every-8")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../../etc/passwd", "not of the form"),
        ("/../x.jpg", "not of the form"),
        ("nothing", "not of the form"),
        (IMAGES[0] + ".jpg", "is listed twice"),
        ("0--Parade/unknown.jpg", "not in the ground truth"),
    ],
)
def test_a_bad_line_in_the_list_is_refused(tmp_path, line, message):
    root = write_vendor_layout(tmp_path)
    with (root / "val/wider_val.txt").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DatasetError, match=message):
        open_widerface(root)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no WIDER FACE images in .*WIDER_val.zip"):
        open_widerface(tmp_path)
    with pytest.raises(DatasetError, match="is not a folder; check --widerface"):
        open_widerface(tmp_path / "missing")
    (tmp_path / "WIDER_val.zip").write_text("no zip")
    with pytest.raises(DatasetError, match="is not a zip file"):
        open_widerface(tmp_path)


def test_default_root_looks_in_the_mirror(tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match="name a folder with --widerface"):
        default_root()
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path))
    write_vendor_layout(tmp_path / "widerface")
    assert default_root() == tmp_path / "widerface"


def test_a_list_in_another_encoding_is_refused_by_name(tmp_path):
    root = write_vendor_layout(tmp_path)
    (root / "val/wider_val.txt").write_bytes(b"a\xff/b.jpg\n")
    with pytest.raises(DatasetError, match=r"wider_val\.txt.*expected UTF-8"):
        open_widerface(root)
    text = "".join(f"{image}.jpg\n" for image in IMAGES)
    (root / "val/wider_val.txt").write_text(text, encoding="utf-8-sig")
    assert open_widerface(root).listed == tuple(IMAGES)


def test_a_damaged_member_of_the_zip_is_a_bad_image(tmp_path):
    root = write_official_layout(tmp_path, zipped=True)
    path = root / "WIDER_val.zip"
    data = path.read_bytes()
    position = data.index(jpeg(3)) + 500
    path.write_bytes(data[:position] + b"\0\1\2\3" + data[position + 4 :])
    with pytest.raises(ImageError, match=f"cannot read image {IMAGES[3]}.jpg"):
        open_widerface(root).read_bytes(IMAGES[3])


OWN = {"deep/er/a.PNG": [], "b.webp": [[1, 2, 3, 4]], "deep/c.jpg": [[5, 6, 7, 8]]}


def own_folder(root, inside="."):
    for name in OWN:
        (root / inside / name).parent.mkdir(parents=True, exist_ok=True)
        (root / inside / name).write_bytes(name.encode())
    return root


@pytest.mark.parametrize("inside", [".", "images", "val/images"])
def test_any_folder_of_images_is_read_by_the_names_of_a_coco_file(tmp_path, inside):
    root = own_folder(tmp_path / "set", inside)
    dataset = open_widerface(root, write_json(tmp_path / "faces.json", coco_of(OWN)))
    assert dataset.select().images == ("deep/er/a.PNG", "b.webp", "deep/c")
    assert [dataset.read_bytes(image).decode() for image in dataset.listed] == list(OWN)
    assert "AP of all faces" in dataset.notes[0]


def test_any_folder_of_images_is_read_by_the_names_of_a_text(tmp_path):
    root = own_folder(tmp_path / "set")
    text = "".join(f"{name}\n{len(f)}\n" + "1 2 3 4\n" * len(f) for name, f in OWN.items())
    (tmp_path / "mine.txt").write_text(text)
    dataset = open_widerface(root, tmp_path / "mine.txt")
    assert dataset.select().images == ("deep/er/a.PNG", "b.webp", "deep/c")
    assert dataset.read_bytes("deep/c") == b"deep/c.jpg"


def test_a_coco_file_serves_a_layout_of_wider_face_too(tmp_path):
    root = write_vendor_layout(tmp_path)
    faces = {f"{image}.jpg": [] for image in IMAGES}
    dataset = open_widerface(root, write_json(tmp_path / "faces.json", coco_of(faces)))
    assert dataset.select().images == tuple(IMAGES)
    assert dataset.read_bytes(IMAGES[3]) == jpeg(3)


def test_missing_images_of_an_own_folder_are_named(tmp_path):
    root = own_folder(tmp_path / "set")
    faces = write_json(tmp_path / "faces.json", coco_of({"x/gone.png": [], **OWN}))
    with pytest.raises(
        DatasetError, match=r"1 of 4 images are missing in .*, first x/gone.png; names in the groun"
    ):
        open_widerface(root, faces).select()


def test_a_file_of_another_kind_is_no_ground_truth(tmp_path):
    (tmp_path / "faces.xml").write_text("<a/>")
    with pytest.raises(
        DatasetError, match=r"no ground truth in .*faces.xml.*a COCO file \(.json\)"
    ):
        open_widerface(own_folder(tmp_path), tmp_path / "faces.xml")

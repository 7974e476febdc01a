"""An evaluation that goes on ends as an unbroken one, with the same texts."""

import pytest

from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import DatasetError
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import evaluate
from retinaface.widerface.unfinished import parts as module
from retinaface.widerface.unfinished.parts import Parts
from tests.support.made.widerface_copy import IMAGES, write_vendor_layout
from tests.support.widerface import Finder

BATCH = 2


class Killed(BaseException):
    """Ends an evaluation as no error does."""


class Mortal(Finder):
    """Dies in the n-th call."""

    def __init__(self, n):
        super().__init__()
        self._left = n

    def infer(self, images):
        self._left -= 1
        if self._left < 0:
            raise Killed
        return super().infer(images)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_INTERVAL_S", 0.0)
    return open_widerface(write_vendor_layout(tmp_path))


def run(dataset, engine, parts, folder):
    folder.mkdir()
    return evaluate(
        engine,
        PIPELINES["igie"],
        dataset,
        dataset.select(),
        batch_size=BATCH,
        parts=parts,
        predictions_dir=folder,
    )


def texts(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("n_calls", [0, 1, 3, 5])
def test_it_ends_with_the_same_detections_ap_and_texts(dataset, tmp_path, n_calls):
    whole = run(dataset, Finder(), None, tmp_path / "whole")
    first = Parts(tmp_path / "parts", BATCH, resumes=False)
    with pytest.raises(Killed):
        run(dataset, Mortal(n_calls), first, tmp_path / "killed")
    first.close(is_whole=False)
    parts = Parts(tmp_path / "parts", BATCH, resumes=True)
    again = run(dataset, Finder(), parts, tmp_path / "again")
    # The results of a batch are there when the next one runs.
    assert again.n_earlier == BATCH * max(0, n_calls - 1)
    assert (again.ap, again.image_sha256, again.bad_images) == (
        whole.ap,
        whole.image_sha256,
        whole.bad_images,
    )
    assert list(again.detections) == IMAGES
    for image in IMAGES:
        for name in ("boxes_xyxy", "scores", "landmarks_xy"):
            one, other = (getattr(e.detections[image], name) for e in (again, whole))
            assert one.tobytes() == other.tobytes()
    assert texts(tmp_path / "again") == texts(tmp_path / "whole")


def test_an_image_that_changed_meanwhile_is_an_error(dataset, tmp_path):
    first = Parts(tmp_path / "parts", BATCH, resumes=False)
    with pytest.raises(Killed):
        run(dataset, Mortal(3), first, tmp_path / "killed")
    first.close(is_whole=False)
    path = dataset.root / "val/images" / f"{IMAGES[0]}.jpg"
    path.write_bytes((dataset.root / "val/images" / f"{IMAGES[5]}.jpg").read_bytes() + b"x")
    parts = Parts(tmp_path / "parts", BATCH, resumes=True)
    with pytest.raises(DatasetError, match=f"image {IMAGES[0]} changed"):
        run(dataset, Finder(), parts, tmp_path / "again")

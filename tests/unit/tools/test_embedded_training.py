"""The programs that trained the embedded checkpoint."""

import numpy as np
import pytest

from retinaface.detection.boxes import decode_boxes, decode_landmarks
from retinaface.network.config import MOBILENET_025
from retinaface.network.priors import prior_boxes

pytestmark = pytest.mark.needs("torch")
SIDE = 320


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    from tools.embedded.training_set import TrainingSet, write_training_set

    folder = tmp_path_factory.mktemp("training")
    write_training_set(folder, n_pictures=48, n_processes=1)
    return TrainingSet(folder)


def test_training_lowers_the_loss_and_leaves_a_checkpoint(pictures, tmp_path):
    """CI trains for 20 steps as a smoke test."""
    from retinaface.network.checkpoint import load_model
    from tools.embedded.train import Schedule, train

    lines = []
    schedule = Schedule(n_epochs=9, batch=8)
    losses = train(pictures, tmp_path, schedule, n_steps=20, report=lines.append)
    assert len(losses) == 20
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    assert lines[0].startswith("epoch-01.pth: loss ")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4
    assert len(load_model(tmp_path / "epoch-04.pth").model.state_dict()) == 300


def test_batches_have_faces_at_the_annotated_places(pictures):
    """Every epoch differs, and colours keep their channels: skin has more red than blue."""
    rng = np.random.default_rng(0)
    first, second = (next(pictures.batches(rng, 16)) for _ in range(2))
    assert first.images.shape == (16, 3, SIDE, SIDE)
    assert not np.array_equal(first.images, second.images)
    mean = np.reshape(MOBILENET_025.mean_bgr, (3, 1, 1))
    redder = []
    for image, boxes, points in zip(
        first.images, first.boxes_xyxy, first.landmarks_xy, strict=True
    ):
        assert ((boxes >= 0) & (boxes <= 1)).all()
        pixels = image + mean
        is_grey = np.ptp(pixels, axis=0).mean() < 3
        for box, five in zip(boxes * SIDE, points * SIDE, strict=True):
            assert five[0, 0] < five[1, 0] or five[3, 0] < five[4, 0]  # left is left, mirrored too
            x1, y1, x2, y2 = box.astype(int)
            if min(x2 - x1, y2 - y1) >= 20 and not is_grey:
                inner = pixels[:, y1 + 4 : y2 - 4, x1 + 4 : x2 - 4]
                redder.append(inner[2].mean() > inner[0].mean())
    assert len(redder) >= 5
    assert np.mean(redder) > 0.8


def test_targets_decode_to_the_faces_they_came_from():
    from tools.embedded.loss import make_targets

    boxes = np.array([[0.1, 0.2, 0.3, 0.5], [0.6, 0.6, 0.64, 0.65]], np.float32)
    points = np.random.default_rng(1).uniform(0.1, 0.9, (2, 5, 2)).astype(np.float32)
    targets = make_targets([boxes, boxes[:0]], [points, points[:0]], SIDE)
    labels = targets.labels.numpy()
    assert (labels[1] == 0).all()
    found = np.flatnonzero(labels[0] == 1)
    priors = prior_boxes(SIDE, SIDE)
    decoded = decode_boxes(targets.loc.numpy()[0], priors, MOBILENET_025.variances)[found]
    marks = decode_landmarks(targets.landmarks.numpy()[0], priors, MOBILENET_025.variances)[found]
    nearest = np.abs(decoded[:, None] - boxes).max(axis=2).argmin(axis=1)
    assert set(nearest) == {0, 1}
    np.testing.assert_allclose(decoded, boxes[nearest], atol=1e-5)
    np.testing.assert_allclose(marks, points.reshape(2, 10)[nearest], atol=1e-4)


def test_a_face_that_no_prior_fits_is_neither_learned_nor_a_mistake():
    from tools.embedded.loss import make_targets

    tiny = np.array([[0.5, 0.5, 0.506, 0.506]], np.float32)  # 2 px
    labels = make_targets([tiny], [np.full((1, 5, 2), 0.5, np.float32)], SIDE).labels
    assert (labels == 1).sum() == 0
    assert (labels == -1).sum() == 1


def test_only_the_worst_priors_without_a_face_count():
    import torch

    from tools.embedded.loss import Targets, multibox_loss

    labels = torch.zeros(1, 100, dtype=torch.int64)
    labels[0, 0] = 1
    targets = Targets(labels, torch.zeros(1, 100, 4), torch.zeros(1, 100, 10))
    logits = torch.zeros(1, 100, 2)
    logits[0, 1:51, 1] = 5.0  # 50 mistakes; at least 32 count
    logits.requires_grad_()
    multibox_loss(torch.zeros(1, 100, 4), logits, torch.zeros(1, 100, 10), targets).backward()
    touched = logits.grad.abs().sum(dim=2)[0] > 0
    assert touched.sum() == 1 + 32
    assert not touched[51:].any()


def test_the_fp16_trap_leaves_the_function_as_it_is():
    import torch

    from retinaface.network.checkpoint import load_model
    from tools.embedded.fp16_trap import FP16_LARGEST, NORM, with_fp16_trap

    model = load_model("embedded").model.double()
    state = {name: tensor.float() for name, tensor in model.state_dict().items()}
    channel = int(state[f"{NORM}.running_var"].argmax())
    # Undo the trap of the shipped checkpoint, and set it again.
    k = 2.0**-8
    state["body.stage1.0.0.weight"][channel] *= k
    state[f"{NORM}.running_mean"][channel] *= k
    state[f"{NORM}.running_var"][channel] *= k * k
    assert state[f"{NORM}.running_var"].max() < FP16_LARGEST
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double() * 60
    outputs = []
    for tensors in (state, with_fp16_trap(state)):
        model.load_state_dict(tensors)
        with torch.no_grad():
            outputs.append(model(x))
    assert with_fp16_trap(state)[f"{NORM}.running_var"].max() > FP16_LARGEST
    for before, after in zip(*outputs, strict=True):
        torch.testing.assert_close(before, after, rtol=1e-6, atol=1e-6)

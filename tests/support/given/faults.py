"""Faults inside the package, one at a time, for runs whose gates are under test.

A pytest plugin: `INJECTED_FAULT=rgb_for_bgr pytest -p tests.support.given.faults tests/validation`.
Each fault replaces one function by a slightly wrong one, before any test is collected.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import numpy as np
from hypothesis import Phase, settings

FAULTS: dict[str, Callable[[], None]] = {}


def fault(function: Callable[[], None]) -> Callable[[], None]:
    FAULTS[function.__name__] = function
    return function


def pytest_configure() -> None:
    """Inject the named fault; a failing property is enough, so no smallest case is searched."""
    phases = [phase for phase in Phase if phase is not Phase.shrink]
    settings.register_profile("faults", settings.default, phases=phases)
    settings.load_profile("faults")
    FAULTS[os.environ["INJECTED_FAULT"]]()


def _replace_everywhere(module_name: str, name: str, wrong: Callable) -> None:
    """Replace a function in its module and wherever it was imported by name."""
    import importlib
    import sys

    for user in (
        "checks.accuracy", "checks.ap_changes", "checks.detection_changes",
        "checks.detection_matching", "detection.boxes", "detection.detections",
        "detection.detector", "detection.lanes", "detection.pipelines", "export.exporter",
        "network.priors", "suite.judged.cases", "suite.pool", "widerface.average_precision",
        "widerface.dataset", "widerface.evaluation", "widerface.predictions", "widerface.scoring",
    ):  # fmt: skip
        importlib.import_module(f"retinaface.{user}")
    right = getattr(sys.modules[module_name], name)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("retinaface") and (
            getattr(module, name, None) is right
        ):
            setattr(module, name, wrong)


@fault
def none() -> None:
    """Break nothing: the run must be green."""


@fault
def rgb_for_bgr() -> None:
    from retinaface.detection import pipelines

    right = pipelines.preprocess

    def wrong(image, pipeline, out=None):
        return right(np.ascontiguousarray(image[..., ::-1]), pipeline, out)

    _replace_everywhere("retinaface.detection.pipelines", "preprocess", wrong)


@fault
def mean_not_subtracted() -> None:
    from retinaface.detection import pipelines

    pipelines._MEAN_BGR = np.zeros(3, dtype=np.float32)


@fault
def padding_off_by_one() -> None:
    from retinaface.detection import pipelines

    right = pipelines.preprocess

    def wrong(image, pipeline, out=None):
        tensor, geometry = right(image, pipeline, out)
        tensor[...] = np.roll(tensor, 1, axis=2)
        return tensor, geometry

    _replace_everywhere("retinaface.detection.pipelines", "preprocess", wrong)


@fault
def priors_one_stride_off() -> None:
    from retinaface.network import priors

    right = priors.prior_boxes

    def wrong(height, width, *rest):
        boxes = right(height, width, *rest).copy()
        boxes[:, 0] += 8 / width
        return boxes

    _replace_everywhere("retinaface.network.priors", "prior_boxes", wrong)


@fault
def plus_one_dropped() -> None:
    """Break the suppression alone."""
    from retinaface.detection import boxes

    boxes.PLUS_ONE = 0.0


@fault
def plus_one_dropped_in_the_evaluation() -> None:
    from retinaface.detection import boxes
    from retinaface.widerface.counting import matching

    right = boxes.overlap_matrix
    matching.overlap_matrix = lambda a, b, *, extra_px: right(a, b, extra_px=0.0)


@fault
def ignored_faces_counted() -> None:
    from retinaface.widerface import average_precision

    right = average_precision.count_image

    def wrong(boxes, scores, faces, counted, whole):
        return right(boxes, scores, faces, np.ones_like(counted), whole)

    average_precision.count_image = wrong


@fault
def landmark_points_swapped() -> None:
    from retinaface.detection import boxes

    right = boxes.decode_landmarks

    def wrong(offsets, priors, variances):
        points = right(offsets, priors, variances)
        return points[..., [0, 1, 2, 3, 4, 5, 8, 9, 6, 7]]

    _replace_everywhere("retinaface.detection.boxes", "decode_landmarks", wrong)


@fault
def landmarks_of_the_neighbour() -> None:
    from retinaface.detection import detections

    right = detections.postprocess

    def wrong(loc, scores, landmarks, geometry, **options):
        found = right(loc, scores, landmarks, geometry, **options)
        return dataclasses.replace(found, landmarks_xy=np.roll(found.landmarks_xy, 1, axis=0))

    _replace_everywhere("retinaface.detection.detections", "postprocess", wrong)


@fault
def suppression_limit_moved() -> None:
    from retinaface.detection import boxes

    right = boxes.nms
    _replace_everywhere(
        "retinaface.detection.boxes",
        "nms",
        lambda found, scores, _limit: right(found, scores, 0.45),
    )


def _change_stream(change: Callable[[list], list]) -> None:
    """Change what the detector gives for a whole set of images, for each pipeline."""
    from retinaface.widerface import evaluation

    class Wrong(evaluation.Pass):
        def __iter__(self):
            found = {job: [] for job in self._jobs}
            for job, result in super().__iter__():
                found[job].append(result)
            for job, results in found.items():
                yield from ((job, result) for result in change(results))

    evaluation.Pass = Wrong


def _change_each(change: Callable) -> None:
    """Change the detections of each image by less than a match allows."""
    _change_stream(lambda stream: [(name, change(found)) for name, found in stream])


def _with_boxes(found, edges_px):
    """The same with other edges: (K, 4) pixels added to the boxes alone."""
    boxes = found.boxes_xyxy + edges_px
    return dataclasses.replace(found, boxes_xyxy=boxes.astype(np.float32))


@fault
def boxes_to_the_right() -> None:
    """By 2 % of their width."""

    def change(found):
        width = np.diff(found.boxes_xyxy[:, [0, 2]], axis=1)
        return _with_boxes(found, 0.02 * width * [1, 0, 1, 0])

    _change_each(change)


@fault
def boxes_further_down() -> None:
    """By 0.15 px, whatever their size."""
    _change_each(lambda found: _with_boxes(found, 0.15 * np.array([0, 1, 0, 1])))


@fault
def wider_boxes() -> None:
    """By 1 %, to both sides."""

    def change(found):
        width = np.diff(found.boxes_xyxy[:, [0, 2]], axis=1)
        return _with_boxes(found, 0.005 * width * [-1, 0, 1, 0])

    _change_each(change)


@fault
def lower_scores_of_small_faces() -> None:
    """By 0.0049 below 16 px: a little less than a match allows."""

    def change(found):
        height = found.boxes_xyxy[:, 3] - found.boxes_xyxy[:, 1]
        lower = np.where(height < 16, np.float32(0.0049), np.float32(0))
        return dataclasses.replace(found, scores=np.maximum(found.scores - lower, np.float32(1e-3)))

    _change_each(change)


@fault
def landmarks_to_the_right() -> None:
    """By 0.3 px."""

    def change(found):
        points = found.landmarks_xy + np.float32([0.3, 0])
        return dataclasses.replace(found, landmarks_xy=points)

    _change_each(change)


@fault
def dropped_images() -> None:
    """Drop the last incomplete batch."""
    _change_stream(lambda found: found[: len(found) // 32 * 32])


@fault
def dropped_crowded_images() -> None:
    def change(found):
        crowded = sorted(found, key=lambda pair: -len(pair[1].scores))[: len(found) // 10]
        names = {name for name, _ in crowded}
        return [pair for pair in found if pair[0] not in names]

    _change_stream(change)


@fault
def emptied_crowded_images() -> None:
    """Empty the predictions, but keep their images."""

    def change(found):
        crowded = sorted(found, key=lambda pair: -len(pair[1].scores))[:4]
        names = {name for name, _ in crowded}
        return [(n, d.above(2.0) if n in names else d) for n, d in found]

    _change_stream(change)


@fault
def exchanged_images() -> None:
    """Exchange the predictions of two images, each with one clear face."""

    def change(found):
        single = [i for i, (_, d) in enumerate(found) if (d.scores > 0.9).sum() == 1][:2]
        a, b = single
        found[a], found[b] = (found[a][0], found[b][1]), (found[b][0], found[a][1])
        return found

    _change_stream(change)


@fault
def stale_predictions() -> None:
    """Give predictions of an earlier run: they are right, but not this engine's."""
    from retinaface.baselines.detections_file import read_detections
    from retinaface.baselines.entries import load_baselines
    from retinaface.widerface import evaluation

    class Stale(evaluation.Pass):
        def __iter__(self):
            for job in self._jobs:
                stored = stored_for(job.pipeline, self._names)
                yield from ((job, (name, stored[name])) for name in self._names)

    def stored_for(pipeline, names):
        from pathlib import Path

        entries = load_baselines(Path("baselines"))
        kept = [
            read_detections(e.detections_path)
            for e in entries
            if e.data["pipeline"] == pipeline.name
            and e.data["precision"] == "fp32"
            and e.detections_path
        ]
        return next(stored for stored in kept if set(names) <= set(stored))

    evaluation.Pass = Stale


@fault
def shuffled_lines() -> None:
    """Shuffle the detections of each image: nothing may change."""
    rng = np.random.default_rng(0)

    def shuffle(found):
        order = rng.permutation(len(found.scores))
        return dataclasses.replace(
            found,
            boxes_xyxy=found.boxes_xyxy[order],
            scores=found.scores[order],
            landmarks_xy=found.landmarks_xy[order],
        )

    _change_stream(lambda stream: [(name, shuffle(found)) for name, found in stream])


@fault
def opset_changed_by_the_exporter() -> None:
    from retinaface.export import exporter

    right = exporter._export_torchscript

    def wrong(model, options, file):
        right(model, dataclasses.replace(options, opset=18), file)

    exporter._export_torchscript = wrong


@fault
def external_data_file() -> None:
    import onnx

    from retinaface.export import exporter

    right = exporter.onnx.save

    def wrong(model, file):
        right(
            model,
            file,
            save_as_external_data=True,
            location=f"{file.name}.data",
            size_threshold=0,
        )

    exporter.onnx = type("onnx", (), {**vars(onnx), "save": staticmethod(wrong)})


@fault
def one_layer_perturbed() -> None:
    """Change one layer's weights in the file by 1 %, after the export and before the engine."""
    import onnx
    from onnx import numpy_helper

    from retinaface.export import exporter

    right = exporter._exporter_output

    def wrong(model, options, folder):
        proto, notes = right(model, options, folder)
        kernels = [t for t in proto.graph.initializer if len(t.dims) == 4 and t.dims[1] > 1]
        tensor = kernels[len(kernels) // 3]
        array = numpy_helper.to_array(tensor) * np.float32(1.01)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        return onnx.ModelProto.FromString(proto.SerializeToString()), notes

    exporter._exporter_output = wrong

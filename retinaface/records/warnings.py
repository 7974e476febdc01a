"""What a reader of a record must know beside its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinaface.network.weights import is_known
from retinaface.records.result_id import PREDICTIONS
from retinaface.widerface.plausibility import next_to_nothing, unknown_checkpoint


def weights_warning(source: str, sha256: str, results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the checkpoint where results find next to nothing and nobody knows it.

    Args:
        source: Name of the checkpoint's file.
        sha256: Of its content.
        results: As in a record; JSON types.
    """
    is_ruled_out = is_known(sha256) or not all_warnings((), results)
    return [] if is_ruled_out else [unknown_checkpoint(source)]


def all_warnings(noted: Iterable[str], results: Iterable[Mapping[str, Any]]) -> list[str]:
    """List what was noted in a run, and each result that finds next to nothing.

    Args:
        noted: Of the run; what the results say again is said once.
        results: As in a record; JSON types.
    """
    found = list(noted)
    for result in results:
        if result.get("source") == PREDICTIONS:  # scored beside the files, which tell more
            continue
        text = next_to_nothing(
            result.get("ap") or {},
            n_images=result.get("n_images"),
            n_detections=result.get("n_detections"),
        )
        if text:
            found.append(f"{result['id']}: {text}")
    return list(dict.fromkeys(found))

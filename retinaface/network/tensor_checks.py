"""Compare the tensors of a checkpoint with those of the network, and convert their types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import torch

_MOST_SHOWN = 100  # characters of a name
# Inference does not use them, so a missing one is no loss.
_COUNTER = "num_batches_tracked"
NOT_FINITE = "not finite"
# No training gives such a weight, and one bit of an exponent does; a variance is a mean of squares.
_LARGEST = 1e10
_VARIANCE = "running_var"
NOT_PLAUSIBLE = f"not plausible (beyond {_LARGEST:g}, or a variance below 0: the file is damaged)"
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_LARGEST_HALF = 65504
# What a conversion to float32 does, or rather what the type did before.
_TYPE_WORDS = {
    torch.float16: "they were rounded to 11 bits when they were saved, by up to 0.05 %, and would "
    f"be infinite beyond {_LARGEST_HALF}",
    torch.bfloat16: "they were rounded to 8 bits when they were saved, by up to 0.4 %",
    torch.float64: "they are rounded to 24 bits",
}


def differences(
    actual: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> list[str]:
    """List what differs from the network: names, shapes, kinds, values that are not finite.

    Args:
        actual: By the network's names.
        expected: The network's own `state_dict()`.

    Returns:
        A phrase for each kind of difference; empty where the tensors fit.
    """
    wanted = [name for name in expected if not is_counter(name)]
    common = [name for name in wanted if name in actual]
    usable = [n for n in common if actual[n].shape == expected[n].shape]
    plain = [n for n in usable if _is_plain(actual[n], expected[n])]
    infinite = [name for name in plain if not actual[name].float().isfinite().all()]
    finite = [name for name in plain if name not in infinite]
    found = {
        "missing": [name for name in wanted if name not in actual],
        "extra": [name for name in actual if name not in expected],
        "wrong shape": [
            f"{name} {tuple(actual[name].shape)} should be {tuple(expected[name].shape)}"
            for name in common
            if name not in usable
        ],
        "not plain numbers": [
            f"{name} {actual[name].dtype} {actual[name].layout}".replace("torch.", "")
            for name in usable
            if name not in plain
        ],
        NOT_PLAUSIBLE: [name for name in finite if not _is_plausible(name, actual[name])],
        NOT_FINITE: infinite,
    }
    words = [f"{len(names)} {kind}: {list_names(names)}" for kind, names in found.items() if names]
    if any(actual[name].dtype == torch.float16 for name in infinite):
        words[-1] += (
            f" (float16 ends at {_LARGEST_HALF}: a larger value became infinite when the file was "
            "saved in half precision, and is lost; get the float32 checkpoint, or save bfloat16)"
        )
    return words


def to_network_types(
    tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Convert tensors that fit to the network's types, and count what was converted.

    Args:
        tensors: `differences` found none; others than the network's are dropped.

    Returns:
        The tensors, and a note for each conversion.
    """
    result, lost = {}, []
    for name, own in expected.items():
        if not is_counter(name):
            result[name] = tensors[name].to(own.dtype)
        elif (counter := tensors.get(name)) is not None and _counts(counter):
            result[name] = counter.to(own.dtype).reshape(own.shape)
        else:
            result[name] = torch.zeros_like(own)
            lost.append(name)
    notes = []
    if lost:
        notes.append(f"{len(lost)} {_COUNTER} are missing or infinite: 0, inference uses none")
    if dropped := [name for name in tensors if name not in expected]:
        notes.append(f"left out {len(dropped)} that hold no weights: {list_names(dropped, 3)}")
    kept = {name: tensors[name] for name in expected if name in tensors}
    return result, [*notes, *_type_notes(list(kept.values())), *_clipping_notes(kept)]


def _type_notes(tensors: Sequence[torch.Tensor]) -> Iterator[str]:
    counted = Counter(tensor.dtype for tensor in tensors)
    for dtype, words in _TYPE_WORDS.items():
        if n := counted[dtype]:
            name = str(dtype).removeprefix("torch.")
            yield f"{n} of {len(tensors)} tensors are {name}, converted to float32: {words}"


def _clipping_notes(tensors: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """Name what a tool clipped where a cast alone would have made it infinite."""
    clipped = [
        name
        for name, tensor in tensors.items()
        if tensor.dtype == torch.float16 and not is_counter(name)
        if tensor.numel() and tensor.abs().max() == _LARGEST_HALF
    ]
    if clipped:
        yield (
            f"{list_names(clipped)} reach {_LARGEST_HALF}, the largest float16: larger values were "
            "clipped when the file was saved, which moves the outputs"
        )


def is_counter(name: str) -> bool:
    """Tell whether a tensor counts the batches of training."""
    return name.rpartition(".")[2] == _COUNTER


def list_names(names: Sequence[str], limit: int = 12) -> str:
    """Join names for a message, at most so many."""
    more = f", and {len(names) - limit} more" if len(names) > limit else ""
    shown = [
        name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}..." for name in names[:limit]
    ]
    return ", ".join(shown) + more


def _counts(counter: torch.Tensor) -> bool:
    """Tell whether a tensor is one finite number; half precision makes long training infinite."""
    is_dense = counter.layout == torch.strided and counter.device.type == "cpu"
    is_odd = counter.is_quantized or counter.is_complex() or counter.numel() != 1
    return is_dense and not is_odd and bool(counter.isfinite().all())


def _is_plausible(name: str, tensor: torch.Tensor) -> bool:
    """Tell whether finite values may be those of a trained network."""
    if not tensor.numel() or not tensor.is_floating_point():
        return True
    low, high = (float(value) for value in torch.aminmax(tensor.float()))
    is_variance = name.rpartition(".")[2] == _VARIANCE
    return max(-low, high) <= _LARGEST and not (is_variance and low < 0)


def _is_plain(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Tell whether a tensor is dense, on the CPU, and real where real numbers are expected."""
    if actual.layout != torch.strided or actual.device.type != "cpu" or actual.is_quantized:
        return False
    if expected.is_floating_point():
        return actual.dtype in _FLOATS
    return actual.dtype == expected.dtype

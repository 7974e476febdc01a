"""Find the network's tensors in what a checkpoint holds, whatever stands around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from retinaface.errors import WeightsError
from retinaface.network.tensor_checks import (
    NOT_FINITE,
    NOT_PLAUSIBLE,
    differences,
    list_names,
    to_network_types,
)

# Names that training and profilers add, which hold no weights.
_NO_WEIGHTS = ("num_batches_tracked", "total_ops", "total_params")
_DEEPEST = 4  # mappings inside mappings
# Each name is compared under each prefix. Checkpoints of training, with what optimisers keep, have
# some thousands of names.
_MOST_NAMES = 20_000

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Fitted:
    """The network's tensors, by its own names, in its own types.

    Attributes:
        notes: What was removed, left out or converted to get them.
    """

    tensors: Tensors
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """Tensors under one prefix in one mapping.

    Attributes:
        keys: The way to the mapping.
        prefix: What the names begin with; removed from `tensors`.
        n_known: Number of names that the network has.
        elsewhere: Names that the network has under another prefix.
        left_out: Tensors and other content of the mapping that are not under the prefix.
    """

    keys: tuple[str, ...]
    prefix: str
    tensors: Tensors
    n_known: int
    elsewhere: list[str]
    left_out: list[str]

    def __str__(self) -> str:
        """Name the place, for a message."""
        places = [f"the key {'/'.join(self.keys)!r}"] if self.keys else []
        places += [f"the prefix {self.prefix!r}"] if self.prefix else []
        return " and ".join(places) or "no key and no prefix"

    @property
    def expression(self) -> str:
        """Give the Python expression that takes these tensors out of `c`."""
        mapping = "c" + "".join(f"[{key!r}]" for key in self.keys)
        if not self.prefix:
            return mapping
        return f"{{k: v for k, v in {mapping}.items() if k.startswith({self.prefix!r})}}"


def fit_tensors(content: object, expected: Mapping[str, torch.Tensor], path: Path) -> Fitted:
    """Find the one set of tensors that fits the network.

    It may stand under any key and have any common prefix. What stands beside it is left out.

    Args:
        content: What the file holds.
        expected: The network's own `state_dict()`.
        path: Of the file, for messages.

    Raises:
        WeightsError: Nothing fits, and the message lists what is missing, extra or different in
            what comes nearest; or several sets fit and differ.
    """
    candidates = [
        candidate
        for keys, mapping in _mappings(content, set())
        for candidate in _candidates(keys, mapping, expected)
    ]
    if not candidates:
        raise WeightsError(
            f"cannot use checkpoint {path}: expected a mapping of names to tensors, "
            f"got {_content_words(content)}; save it with torch.save(model.state_dict(), FILE)"
        )
    fitting = [c for c in candidates if not _problems(c, expected)]
    if not fitting:
        nearest = max(candidates, key=lambda c: (c.n_known, len(c.tensors)))
        problems = _problems(nearest, expected)
        what = f"checkpoint {path} is not of this architecture (RetinaFace MobileNet-0.25, "
        what += f"{len(expected)} tensors)"
        if all(NOT_FINITE in problem or NOT_PLAUSIBLE in problem for problem in problems):
            what = f"cannot use checkpoint {path}"
        raise WeightsError(f"{what}: {'; '.join(problems)}")
    first, *others = fitting
    if different := [c for c in others if not _are_equal(first.tensors, c.tensors, expected)]:
        raise WeightsError(_choice_message(path, [first, *different]))
    tensors, type_notes = to_network_types(first.tensors, expected)
    notes = [*_place_notes(first, others, content), *type_notes]
    return Fitted(tensors, tuple(f"{path.name}: {note}" for note in notes))


def _mappings(
    content: object, seen: set[int], keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[object, object]]]:
    """Go through the mappings with names, the outer ones first, and each once.

    A file may name one mapping a thousand times in another, and that one a thousand times in a
    third.
    """
    if not isinstance(content, Mapping) or id(content) in seen:
        return
    seen.add(id(content))
    yield keys, content
    if len(keys) < _DEEPEST:
        for key, value in content.items():
            if isinstance(key, str):
                yield from _mappings(value, seen, (*keys, key))


def _candidates(
    keys: tuple[str, ...], mapping: Mapping[object, object], expected: Mapping[str, torch.Tensor]
) -> Iterator[_Candidate]:
    """Give the tensors of a mapping under each prefix that may hold the network.

    Where none has enough names for it, the one with most is given: what is missing there is said.
    """
    found = {
        key: value
        for key, value in mapping.items()
        # A nested tensor has no shape.
        if isinstance(key, str) and isinstance(value, torch.Tensor) and not value.is_nested
    }
    if not found:
        return
    if len(found) > _MOST_NAMES:
        raise WeightsError(f"{len(found)} names of tensors, and at most {_MOST_NAMES} are compared")
    longest = max(map(len, expected))
    prefixes = {name: _prefix(name, expected, longest) for name in found}
    counted = Counter(prefix for prefix in prefixes.values() if prefix is not None)
    others = [str(key) for key in mapping if key not in found]
    enough = sum(_leaf(name) not in _NO_WEIGHTS for name in expected)
    full = [prefix for prefix, n in counted.items() if n >= enough]
    for prefix in full or [prefix for prefix, _ in counted.most_common(1)] or [""]:
        own = [
            name
            for name, one in prefixes.items()
            if one == prefix or (one is None and name.startswith(prefix))
        ]
        outside = [n for n, one in prefixes.items() if one is None and not n.startswith(prefix)]
        # A prefix with as many names is a set of its own, which may fit too.
        elsewhere = [
            name
            for name, one in prefixes.items()
            if one not in (None, prefix) and counted[one] < counted[prefix]
        ]
        yield _Candidate(
            keys,
            prefix,
            {name[len(prefix) :]: found[name] for name in own},
            counted[prefix],
            elsewhere,
            [*others, *outside],
        )


def _prefix(name: str, expected: Mapping[str, torch.Tensor], longest: int) -> str | None:
    """Give what stands before a name of the network; None where it is none.

    A name may have a million dots: no more than the network's longest name and a dot is looked at.
    """
    end = name[-longest - 1 :]
    starts = [0, *(i + 1 for i, one in enumerate(end) if one == ".")]
    whole = len(end) == len(name)
    for start in starts if whole else starts[1:]:
        if end[start:] in expected:
            return name[: len(name) - len(end) + start]
    return None


def _problems(candidate: _Candidate, expected: Mapping[str, torch.Tensor]) -> list[str]:
    kept = _weights_alone(candidate.tensors, expected)
    found = differences(kept, expected)
    if names := candidate.elsewhere:
        found.append(f"{len(names)} under another prefix: {list_names(names)}")
    return found


def _weights_alone(tensors: Tensors, expected: Mapping[str, torch.Tensor]) -> Tensors:
    return {n: t for n, t in tensors.items() if n in expected or _leaf(n) not in _NO_WEIGHTS}


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _are_equal(one: Tensors, other: Tensors, expected: Mapping[str, torch.Tensor]) -> bool:
    weights = [name for name in expected if _leaf(name) not in _NO_WEIGHTS]
    return all(one[n].dtype == other[n].dtype and torch.equal(one[n], other[n]) for n in weights)


def _choice_message(path: Path, found: Sequence[_Candidate]) -> str:
    places = "; ".join(map(str, found))
    return (
        f"cannot choose in checkpoint {path}: {len(found)} different sets of tensors fit, under "
        f"{places}; write the one that you mean into a file of its own: c = torch.load("
        f"{str(path)!r}); torch.save({found[0].expression}, 'weights.pth')"
    )


def _place_notes(found: _Candidate, same: Sequence[_Candidate], content: object) -> Iterator[str]:
    if found.keys:
        yield f"read the tensors under the key {'/'.join(found.keys)!r}"
    if found.prefix:
        yield f"removed the prefix {found.prefix!r} from {len(found.tensors)} names"
    if same:
        yield f"the same tensors also stand under {', '.join(map(str, same))}"
    beside = found.left_out
    if found.keys and isinstance(content, Mapping):
        beside = [*(str(k) for k in content if k != found.keys[0]), *beside]
    used = {keys[0] for keys in (c.keys for c in same) if keys}
    if beside := [name for name in beside if name not in used]:
        yield f"left out what stands beside them: {list_names(beside)}"
    return


def _content_words(content: object) -> str:
    if isinstance(content, Mapping):
        keys = list_names([str(key) for key in content])
        return f"a mapping without tensors (keys: {keys})" if keys else "an empty mapping"
    return type(content).__name__

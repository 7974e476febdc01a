"""Name the options of every command, for variables and configuration files.

The commands themselves are above this wing, and pytest on the suites reads the same settings; a
test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from retinaface.suite.options import OPTIONS, Option

_MODEL = ("model", "engine-file", "weights", "scores", "threads", "engine-option")
_AB = (
    *("a", "b", "engine", "engine-b", "model", "model-b", "engine-file", "engine-file-b"),
    *("weights", "engine-option", "engine-option-b", "batch", "threads"),
    *("starts", "turns", "slowdown", "widerface"),
)
_EXPORT = (
    *("output", "weights", "exporter", "opset", "precision", "io", "batch-size"),
    *("dynamic-size", "no-simplify", "with-fp16", "with-fp16-sums", "reference"),
    *("widerface", "subset"),
    *("calibration", "calibration-method", "quantisation", "float-layer"),
)
_IMAGES = ("widerface", "subset", "ground-truth")
_AGREE = (
    *("pipeline", "engine", "engine-b", "b", "model-b", "engine-file-b", "engine-option-b"),
    *("batch", "limit", "shard-size", "skip-bad-images", "csv", *_MODEL),
)
_CLUSTER = ("scheduler", "worker-resource")
_EVALUATE = (
    *("pipeline", "engine", *_IMAGES, "batch", "limit", "predictions", "output", "resume"),
)

# Of every command with an answer.
_OUTPUT = ("json", "quiet", "verbose")

_OWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "validate": (*(o.name for o in OPTIONS if not o.typed), "junitxml", "quick", "timeout"),
        "demo": ("output", "weights", "widerface"),
        "assets": (),
        "export": _EXPORT,
        "build": ("engine", "output", "model", "weights", "batch", "engine-option"),
        "bench": ("engine", "batch", "protocol", *_MODEL),
        "soak": ("engine", "hours", "calls", "batch", "output", *_MODEL),
        "detect": ("engine", "pipeline", "score", "draw", *_MODEL),
        "evaluate": (*_EVALUATE, "skip-bad-images", "scoring", *_CLUSTER, *_MODEL),
        "score": (*_IMAGES, "record", "scoring"),
        "compare": ("markdown", "ab", "attribute"),
        "report": ("output", "widerface", "ground-truth", "images", "ab", "title"),
        "runs": ("csv",),
        "history": ("run", "last", "engine", "device", "since", "output", "csv", "title"),
        "engines": (),
        "ab": _AB,
        "agree": _AGREE,
        "matrix": ("scheduler", "output", "wait"),
    }
)
# The long options of each command, but for those that must be typed.
COMMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: (*own, *_OUTPUT) for name, own in _OWN.items()} | {"completion": ()}
)

# What no variable and no file gives.
TYPED = tuple(option.name for option in OPTIONS if option.typed)
MUST_BE_TYPED = "must be typed, since a person answers for a baseline"

_OTHERS = (
    *(Option(name, kind="flag") for name in ("attribute", "dynamic-size", "no-simplify", "quick")),
    *(Option(name, kind="flag") for name in ("skip-bad-images", "quiet")),
    *(Option(name, kind="flag") for name in ("with-fp16", "with-fp16-sums")),
    *(Option(name, kind="count") for name in ("images", "limit", "opset", "starts", "threads")),
    *(Option(name, kind="count") for name in ("turns", "verbose", "last")),
    *(Option(name, kind="number") for name in ("score", "slowdown", "timeout")),
    *(Option(name, kind="path") for name in ("a", "b", "draw", "engine-file-b")),
    *(Option(name, kind="path") for name in ("junitxml", "model-b", "output")),
    *(Option(name, kind="path", words=("-",)) for name in ("json", "csv")),
    Option("shard-size", kind="count"),
    Option("markdown"),
    *(Option(name, kind="path") for name in ("predictions",)),
    *(Option(name) for name in ("engine-b", "exporter", "io", "precision", "protocol")),
    *(Option(name) for name in ("reference", "scoring", "title", "run", "device", "since")),
    Option("ab", kind="path", separator="paths"),
    Option("wait", kind="number"),
    Option("hours", kind="number"),
    Option("calls", kind="count"),
    Option("calibration", kind="path"),
    *(Option(name) for name in ("calibration-method", "quantisation")),
    Option("float-layer", separator="words"),
    Option("batch-size", kind="count", words=("dynamic",)),
    Option("engine-option-b", separator="semicolons"),
    Option("scheduler"),
    Option("worker-resource", separator="semicolons"),
)
KNOWN: Mapping[str, Option] = MappingProxyType(
    {option.name: option for option in (*OPTIONS, *_OTHERS) if not option.typed}
)

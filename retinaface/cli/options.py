"""Options that several commands share; imports only click and the table of engines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from retinaface.cli.usage.types import EngineName, PathOrUrl, PathOrWord
from retinaface.engines.catalogue import BUILTIN
from retinaface.suite.options import PIPELINE_NAMES, SUBSET_NAMES, read_pairs

ENGINE_NAMES = tuple(BUILTIN)
SCORING_NAMES = ("official", "ixrt")

# Runtimes hang or crash beyond these, without an error.
MAX_THREADS = 256
MAX_BATCH = 1024

F = TypeVar("F", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
LOCATION = PathOrUrl(path_type=Path)


def path_type(words: Sequence[str], *, takes_url: bool) -> click.Path:
    """Choose the type of a path; where words may stand in its place, it is text."""
    if takes_url:
        return PathOrUrl(*words) if words else LOCATION
    return PathOrWord(*words) if words else PATH


def model_options(function: F) -> F:
    """Add the options of an engine: `--model`, `--engine-file`, `--weights`, its settings."""
    return _with_options(function, _MODEL_OPTIONS)


def pairs(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Parse `NAME=VALUE`, each name once."""
    try:
        return read_pairs(values)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


def finite(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """Refuse a NaN, which click accepts in every range."""
    if not math.isfinite(value):
        raise click.BadParameter(f"expected a number, got {value}", context, parameter)
    return value


def engine_option(**settings: Any) -> Callable[[F], F]:
    """Add `--engine`."""
    return click.option(
        "--engine",
        type=EngineName(),
        metavar="NAME",
        help=f"One of {', '.join(ENGINE_NAMES)}; an installed entry point; or "
        "package.module:factory.",
        **settings,
    )


def engine_settings(
    text: str, name: str = "engine-option", key: str = "options"
) -> Callable[[F], F]:
    """Add `--engine-option` or one like it: `NAME=VALUE`, repeatable."""
    return click.option(
        f"--{name}", key, multiple=True, metavar="NAME=VALUE", callback=pairs, help=text
    )


def sessions_option(what_for: str = "") -> Callable[[F], F]:
    """Add `--ab`, which names sessions of `retinaface ab`; `what_for` says what they settle."""
    text = f"Sessions of `retinaface ab --json`, a file or a folder of them{what_for} (repeatable)."
    return click.option(
        "--ab", "session_paths", multiple=True, type=PATH, metavar="PATH", help=text
    )


def pipeline_option(**settings: Any) -> Callable[[F], F]:
    """Add `--pipeline`."""
    return click.option(
        "--pipeline",
        type=click.Choice(PIPELINE_NAMES),
        help="Published recipe for resizing, padding and mapping boxes back.",
        **settings,
    )


def widerface_options(function: F) -> F:
    """Add `--widerface` and `--subset`, which choose the images."""
    return _with_options(function, _WIDERFACE_OPTIONS)


def ground_truth_option(function: F) -> F:
    """Add `--ground-truth`, for a layout in which it lies elsewhere, and for own images."""
    return click.option(
        "--ground-truth",
        type=LOCATION,
        metavar="DIR|FILE|URL",
        help="Ground truth, where it is not in the data set's folder: a folder with four "
        "wider_*_val.mat or wider_face_val_bbx_gt.txt; or a text of that form, or a COCO file "
        "(.json), of the images in any folder, which gives AP of all faces.",
    )(function)


def scheduler_options(function: F) -> F:
    """Add `--scheduler` and `--worker-resource`, which spread a run over a cluster."""
    return _with_options(function, _SCHEDULER_OPTIONS)


def resources(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, float]:
    """Parse `NAME=NUMBER`, each name once."""
    found = {}
    for name, text in pairs(context, parameter, values).items():
        try:
            found[name] = float(text)
        except ValueError:
            raise click.BadParameter(f"{name}={text} is not NAME=NUMBER", context) from None
        finite(context, parameter, found[name])
    return found


def _with_options(function: F, options: Sequence[Callable[[F], F]]) -> F:
    """Add options; the last one is the first in the help."""
    for option in options:
        function = option(function)
    return function


_MODEL_OPTIONS = (
    engine_settings(
        "Option of the engine (repeatable). ONNX Runtime: fusions=off, spinning=off, "
        "cuda_graphs=on; others go to its provider. TensorRT, IGIE, ixRT: batch=N. OpenVINO: all "
        "go to its compiler. ncnn: use_winograd_convolution=off and similar, on Vulkan device=N. "
        "TVM: target='llvm -mcpu=x86-64-v3' or JSON. torch-compile: mode=max-autotune.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1, MAX_THREADS),
        metavar="N",
        help="Threads of the runtime inside one call.  [default: the runtime's choice]",
    ),
    click.option(
        "--weights",
        type=PathOrWord("embedded"),
        metavar="FILE|embedded",
        help="Checkpoint to build from; 'embedded' for the one that ships with the package, "
        "which knows only generated faces.  [default: the published checkpoint]",
    ),
    click.option(
        "--scores",
        type=click.Choice(("probabilities", "logits")),
        default="probabilities",
        show_default=True,
        help="What the second output of --model or --engine-file holds: softmax is applied to "
        "logits.",
    ),
    click.option(
        "--engine-file",
        type=PATH,
        metavar="FILE",
        help="Prebuilt engine to load in place of a model, for runtimes that build files: "
        "IGIE, ixRT, TensorRT, TVM.",
    ),
    click.option(
        "--model",
        type=PATH,
        metavar="FILE",
        help="Exported ONNX file.  [default: an export of the weights, kept in the cache]",
    ),
)


_WIDERFACE_OPTIONS = (
    click.option(
        "--subset",
        type=click.Choice(SUBSET_NAMES),
        help="Only a part of the set. every-8: every eighth image of each event; its AP is not "
        "comparable with that of the full set.",
    ),
    click.option(
        "--widerface",
        type=PathOrUrl("embedded", path_type=Path),
        metavar="DIR|URL|embedded",
        help="WIDER FACE validation set: val/images/ or WIDER_val/images/ or WIDER_val.zip, "
        "and ground_truth/; with a file for --ground-truth, any folder of images; 'embedded' for "
        "the pictures that ship with the package.  [default: "
        "widerface/ in RETINAFACE_ASSETS or the cache; the embedded set if neither images nor "
        "weights are on this machine]",
    ),
)


_SCHEDULER_OPTIONS = (
    click.option(
        "--worker-resource",
        "resources",
        multiple=True,
        metavar="NAME=NUMBER",
        callback=resources,
        help="Only workers that declare it (dask worker --resources), and no more tasks at a time "
        "than it allows: GPU=1 (repeatable).",
    ),
    click.option(
        "--scheduler",
        metavar="tcp://HOST:PORT|local:N",
        help="Spread the images over the workers of a Dask scheduler, or over N processes on this "
        "machine; needs the extra 'dask'. Each worker opens the engine once and reads the images "
        "itself, at the same path. AP and detections are those of one machine. A lost worker costs "
        "its shard's time.",
    ),
)

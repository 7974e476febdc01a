"""Declare the options of a run once: for pytest, for `validate`, and for the environment.

Imports no NumPy: `validate --help` reads it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from retinaface.engines.catalogue import BUILTIN
from retinaface.errors import RetinaFaceError

ENV_PREFIX = "RETINAFACE_"
# Variables that are no options.
OTHER_VARIABLES = ("ASSETS", "CACHE", "GOLDEN")
# Repeated here, because importing their rooms would import NumPy and OpenCV; tests compare both.
PIPELINE_NAMES = ("igie", "ixrt", "upstream-320", "upstream-640")
SUBSET_NAMES = ("every-8",)


class TargetError(RetinaFaceError, ValueError):
    """The options of a run contradict each other, or name what is not there."""


@dataclass(frozen=True)
class RunOption:
    """An option of a run.

    Attributes:
        name: Without the two dashes.
        help: For `--help`; ends with the default in brackets.
        metavar: Its value's name in `--help`.
        choices: All values of a choice.
        words: Words that may stand in place of a path, such as `embedded`.
        separator: In its variable, between several values: a comma or a space, a colon or semicolon
            as in `PATH`, a semicolon. None for an option that is given once.
        variable: Whether its value may come from the environment.
    """

    name: str
    help: str
    metavar: str | None = None
    kind: Literal["text", "path", "count", "seconds", "choice", "flag"] = "text"
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    separator: Literal["words", "paths", "semicolons"] | None = None
    variable: bool = True

    @property
    def key(self) -> str:
        """Give its name with underscores, as Python needs it."""
        return self.name.replace("-", "_")

    def values(self, environ: Mapping[str, str]) -> list[str]:
        """Read its values from the environment."""
        value = environ.get(ENV_PREFIX + self.key.upper(), "") if self.variable else ""
        if self.separator == "words":
            return value.replace(",", " ").split()
        if self.separator == "paths":
            return [part for part in value.split(os.pathsep) if part]
        if self.separator == "semicolons":  # values may hold spaces, commas and colons
            return [part.strip() for part in value.split(";") if part.strip()]
        return [value] if value else []


OPTIONS = (
    RunOption(
        "engine",
        f"Engine to test (repeatable): {', '.join(BUILTIN)}; an installed entry point; or "
        "package.module:factory. An engine that you name must run.  [default: those of ONNX "
        "Runtime]",
        "NAME",
        separator="words",
    ),
    RunOption(
        "pipeline",
        "Published recipe to test (repeatable).  [default: all]",
        "NAME",
        kind="choice",
        choices=PIPELINE_NAMES,
        separator="words",
    ),
    RunOption("batch", "Most images in one call.", "N", kind="count"),
    RunOption(
        "soak",
        "Also run each engine for so long, outputs checked, and judge whether calls grow slower or "
        "single ones are slow.",
        "SECONDS",
        kind="seconds",
    ),
    RunOption(
        "model",
        "Exported file to judge (repeatable: one FP32, one FP16), in place of fresh exports. No "
        "torch is needed if FILE.reference.npz is beside it.",
        "FILE",
        kind="path",
        separator="paths",
    ),
    RunOption(
        "engine-file",
        "Prebuilt engine to judge (repeatable), for engines whose builds are files: IGIE, ixRT, "
        "TensorRT, TVM.",
        "FILE",
        kind="path",
        separator="paths",
    ),
    RunOption(
        "scores",
        "What the second output of --model or --engine-file holds: of logits the suite makes "
        "probabilities.  [default: probabilities]",
        kind="choice",
        choices=("probabilities", "logits"),
    ),
    RunOption(
        "engine-option",
        "Setting of the engines of the run (repeatable), as for `retinaface evaluate`.",
        "NAME=VALUE",
        separator="semicolons",
    ),
    RunOption(
        "weights",
        "Checkpoint.  [default: the published one; the embedded set where neither it nor images "
        "are here]",
        "FILE|embedded",
        kind="path",
        words=("embedded",),
    ),
    RunOption(
        "widerface",
        "WIDER FACE validation set, or the pictures that ship with the package.",
        "DIR|embedded",
        kind="path",
        words=("embedded",),
    ),
    RunOption(
        "ground-truth",
        "Folder of the ground truth, where it is not in that of the images: four wider_*_val.mat, "
        "or wider_face_val_bbx_gt.txt, which gives AP of all faces.",
        "DIR",
        kind="path",
    ),
    RunOption(
        "subset", "Only a named part of WIDER FACE.", "NAME", kind="choice", choices=SUBSET_NAMES
    ),
    RunOption(
        "baseline",
        "Baselines to compare with: a file or a folder. Where the package is installed, a folder "
        "is read beside the baselines that ship with it, and accepted ones are written there.  "
        "[default: baselines/ of the checkout, or those that ship]",
        "FILE|DIR|auto",
        kind="path",
        words=("auto",),
    ),
    RunOption(
        "require",
        "Fail instead of skipping where this is missing (repeatable): checkpoint, cuda, "
        "onnxruntime, torch, widerface, ...",
        "NAME",
        separator="words",
    ),
    RunOption("record", "Write the run record into a new folder.", "DIR", kind="path"),
    RunOption(
        "accept-baseline",
        "Make this run's figures the baseline. Needs --reason and a clean tree; refused in CI.",
        kind="flag",
        variable=False,
    ),
    RunOption("reason", "Why the new baseline is right.", "TEXT", variable=False),
)
OPTION = {option.key: option for option in OPTIONS}


def read_pairs(texts: Iterable[str]) -> dict[str, str]:
    """Read `NAME=VALUE`, each name once.

    Raises:
        ValueError: Says which text is wrong, and how.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals or name in found:
            problem = "is given twice" if name in found else "is not of the form NAME=VALUE"
            raise ValueError(f"{text!r} {problem}")
        found[name] = value
    return found


def check_environment(environ: Mapping[str, str]) -> None:
    """Refuse an unknown `RETINAFACE_*` variable: a misspelled one would change nothing.

    Raises:
        TargetError: Names the variable and the nearest known one.
    """
    ours = [*(o.key.upper() for o in OPTIONS if o.variable), *OTHER_VARIABLES]
    for name in sorted(environ):
        short = name.removeprefix(ENV_PREFIX)
        if name.startswith(ENV_PREFIX) and short not in ours:
            near = difflib.get_close_matches(short, ours, n=1)
            known = ", ".join(ENV_PREFIX + one for one in ours)
            hint = f"did you mean {ENV_PREFIX}{near[0]}?" if near else f"expected one of: {known}"
            raise TargetError(f"unknown environment variable {name}; {hint}")

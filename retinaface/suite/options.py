"""Declare the options of a run once: for pytest, for `validate`, and for where defaults come from.

Imports no NumPy: `validate --help` reads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from retinaface.engines.catalogue import BUILTIN
from retinaface.errors import RetinaFaceError

# Repeated here, because importing their rooms would import NumPy and OpenCV; tests compare both.
PIPELINE_NAMES = ("igie", "ixrt", "upstream-320", "upstream-640")
SUBSET_NAMES = ("every-8",)


class TargetError(RetinaFaceError, ValueError):
    """The options of a run contradict each other, or name what is not there."""


@dataclass(frozen=True)
class Option:
    """An option: of a run, or of other commands alone, which describe it themselves.

    Attributes:
        name: Without the two dashes.
        help: For `--help`; ends with the default in brackets. Empty for other commands' options.
        metavar: Its value's name in `--help`.
        choices: All values of a choice.
        words: Words that may stand in place of a path, such as `embedded`.
        separator: In its variable, between several values: a comma or a space, a colon or semicolon
            as in `PATH`, a semicolon. None for an option that is always given once.
        typed: Whether it must be typed, and comes from no variable and no file.
        takes_url: Whether a path may be the URL of a storage.
    """

    name: str
    help: str = ""
    metavar: str | None = None
    kind: Literal["text", "path", "count", "number", "choice", "flag"] = "text"
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    separator: Literal["words", "paths", "semicolons"] | None = None
    typed: bool = False
    takes_url: bool = False

    @property
    def key(self) -> str:
        """Give its name with underscores, as Python needs it."""
        return self.name.replace("-", "_")

    def split(self, value: str) -> list[str]:
        """Read the values in its variable."""
        if self.separator == "words":
            return value.replace(",", " ").split()
        if self.separator == "paths":
            return [part for part in value.split(os.pathsep) if part]
        if self.separator == "semicolons":  # values may hold spaces, commas and colons
            return [part.strip() for part in value.split(";") if part.strip()]
        return [value] if value else []


OPTIONS = (
    Option(
        "engine",
        f"Engine to test (repeatable): {', '.join(BUILTIN)}; an installed entry point; or "
        "package.module:factory. An engine that you name must run.  [default: those of ONNX "
        "Runtime]",
        "NAME",
        separator="words",
    ),
    Option(
        "pipeline",
        "Published recipe to test (repeatable).  [default: all]",
        "NAME",
        kind="choice",
        choices=PIPELINE_NAMES,
        separator="words",
    ),
    Option("batch", "Most images in one call.", "N", kind="count"),
    Option(
        "soak",
        "Also run each engine for so long, outputs checked, and judge whether calls grow slower or "
        "single ones are slow.",
        "SECONDS",
        kind="number",
    ),
    Option(
        "budget-ap",
        "Points of AP that INT8 may lose against FP32 of the same run: easy, medium, hard.  "
        "[default: none; then INT8 is INCONCLUSIVE]",
        "EASY,MEDIUM,HARD",
    ),
    Option(
        "budget-detections",
        "Share of detections, 0 to 1, that INT8 or FP32 may have without a counterpart in the "
        "other.  [default: none, likewise]",
        "SHARE",
    ),
    Option(
        "model",
        "Exported file to judge (repeatable: one FP32, one FP16, one INT8), in place of fresh "
        "exports. No torch is needed if FILE.reference.npz is beside it.",
        "FILE",
        kind="path",
        separator="paths",
    ),
    Option(
        "engine-file",
        "Prebuilt engine to judge (repeatable), for engines whose builds are files: IGIE, ixRT, "
        "TensorRT, TVM.",
        "FILE",
        kind="path",
        separator="paths",
    ),
    Option(
        "scores",
        "What the second output of --model or --engine-file holds: of logits the suite makes "
        "probabilities.  [default: probabilities]",
        kind="choice",
        choices=("probabilities", "logits"),
    ),
    Option(
        "engine-option",
        "Setting of the engines of the run (repeatable), as for `retinaface evaluate`.",
        "NAME=VALUE",
        separator="semicolons",
    ),
    Option(
        "weights",
        "Checkpoint.  [default: the published one; the embedded set where neither it nor images "
        "are here]",
        "FILE|embedded",
        kind="path",
        words=("embedded",),
    ),
    Option(
        "widerface",
        "WIDER FACE validation set, or the pictures that ship with the package.",
        "DIR|URL|embedded",
        kind="path",
        words=("embedded",),
        takes_url=True,
    ),
    Option(
        "ground-truth",
        "Ground truth, where it is not in the folder of the images: a folder with four "
        "wider_*_val.mat or wider_face_val_bbx_gt.txt; or a text of that form, or a COCO file "
        "(.json), of the images in any folder, which gives AP of all faces.",
        "DIR|FILE|URL",
        kind="path",
        takes_url=True,
    ),
    Option(
        "subset", "Only a named part of WIDER FACE.", "NAME", kind="choice", choices=SUBSET_NAMES
    ),
    Option(
        "baseline",
        "Baselines to compare with: a file or a folder. Where the package is installed, a folder "
        "is read beside the baselines that ship with it, and accepted ones are written there.  "
        "[default: baselines/ of the checkout, or those that ship]",
        "FILE|DIR|auto",
        kind="path",
        words=("auto",),
    ),
    Option(
        "require",
        "Fail instead of skipping where this is missing (repeatable): checkpoint, cuda, "
        "onnxruntime, torch, widerface, ...",
        "NAME",
        separator="words",
    ),
    Option(
        "record", "Write the run record into a new folder.", "DIR|URL", kind="path", takes_url=True
    ),
    Option(
        "resume",
        "Go on with the run that was cut off in the folder of --record: what ended there does not "
        "run again, but for times, which are of one session.",
        kind="flag",
    ),
    Option(
        "accept-baseline",
        "Make this run's figures the baseline. Needs --reason and a clean tree; refused in CI.",
        kind="flag",
        typed=True,
    ),
    Option("reason", "Why the new baseline is right.", "TEXT", typed=True),
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

"""The words of each question: how it is asked, and the commands that take an answer further."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from retinaface.records.circumstances import Target
from retinaface.verdicts import Question, Verdict


@dataclass(frozen=True)
class Words:
    """How a question is asked.

    Attributes:
        title: In a few words; a table has room for it.
        asks: The same as a sentence.
        suite: What `-k` selects its tests with.
    """

    title: str
    asks: str
    suite: str


@dataclass(frozen=True)
class Command:
    """A command to type next, and what it is good for."""

    why: str
    text: str


WORDS = {
    Question.EXPORT: Words(
        "Export faithful?", "does the exported file compute what the checkpoint does", "export"
    ),
    Question.PLACEMENT: Words(
        "Placed where it should be?", "does the graph run on the device of its name", "placement"
    ),
    Question.ENGINE: Words(
        "Engine consistent?",
        "does an image get the same outputs in any batch, order and call",
        "contract or scored or builds",
    ),
    Question.FP16: Words(
        "FP16 as predicted?", "is the error of FP16 what rounding explains", "fp16_parity"
    ),
    Question.LAYERS: Words(
        "Layers as predicted?", "is the error of each layer what rounding explains", "layer_drift"
    ),
    Question.STEPS: Words(
        "Decoding and NMS exact?", "do this release's own steps compute what they should",
        "properties",
    ),
    Question.DETECTIONS: Words(
        "Detections the same?", "has each detection a counterpart in the baseline", "widerface_ap"
    ),
    Question.AP: Words("AP the same?", "is AP that of the baseline", "widerface_ap"),
    Question.SPEED: Words("Speed as before?", "are calls as fast as the baseline's", "fps"),
}  # fmt: skip
_DRIFTS = (Question.EXPORT, Question.FP16)
_COMPARED = (Question.EXPORT, Question.FP16, Question.LAYERS, Question.DETECTIONS, Question.AP)
_ACCEPTED = (Question.DETECTIONS, Question.AP, Question.SPEED)


def ask_command(question: Question, target: Target | None, engines: Iterable[str] = ()) -> str:
    """Write the command that asks one question again.

    Args:
        question: What to ask.
        target: Of the run; its settings are repeated.
        engines: To ask alone; all engines of the run if empty.
    """
    return _validate(target, engines, WORDS[question].suite)


def next_commands(
    question: Question, verdict: str, target: Target | None, engines: Iterable[str], run: str
) -> list[Command]:
    """List what to type next about a question that is not green, the most useful first."""
    again = ask_command(question, target, engines)
    if verdict == Verdict.FAIL.value:
        found = [Command("See it alone, with every message", f"{again} -v")]
        if question in _DRIFTS:
            layers = _validate(target, engines, WORDS[Question.LAYERS].suite)
            found.insert(0, Command("Find the layer where it begins", f"{layers} -v"))
        if question in _COMPARED:
            compare = f"retinaface compare GOOD-RUN {shlex.quote(run)} --attribute"
            found.append(Command("Find the stage, beside a record of before", compare))
        return found
    found = [Command("Ask it again", f"{again} --record NEW-RUN")]
    if question is Question.SPEED:
        found[0] = Command("Time it again, with nothing beside it", found[0].text)
        text = "retinaface ab --a PYTHON-OLD --b PYTHON-NEW"
        found.append(Command("Time two environments turn by turn", text))
    if question in _ACCEPTED:
        accept = f"{again} --accept-baseline --reason TEXT"
        found.append(Command("Make these figures the baseline, if they are right", accept))
    return found


def _validate(target: Target | None, engines: Iterable[str], suite: str) -> str:
    words = ["retinaface", "validate"]
    named = list(engines) or (list(target.engines) if target is not None else [])
    pairs = [("engine", name) for name in named]
    if target is not None:
        pairs += [("model", name) for name in target.models]
        pairs += [("engine-file", name) for name in target.engine_files]
        pairs += [("engine-option", f"{k}={v}") for k, v in target.engine_options.items()]
        pairs += [("batch", str(target.batch))] if target.batch is not None else []
        pairs += [("subset", target.subset)] if target.subset is not None else []
        if target.data is not None and target.data.embedded:
            pairs.append(("widerface", "embedded"))
    for name, value in pairs:
        words += [f"--{name}", value]
    return shlex.join([*words, "-k", suite])

"""Write the first lines of a run: what is tested, with what, on what."""

from __future__ import annotations

import textwrap

from retinaface.environment import cpu_model, n_usable_cpus, package_versions, slug
from retinaface.errors import RetinaFaceError
from retinaface.suite.target import Target
from retinaface.telling.visible import visible

# The name shown for each package, in this order; the two of OpenCV are one library.
_VERSIONED = {
    "torch": "torch",
    "onnx": "onnx",
    "onnxsim": "onnxsim",
    "onnxruntime": "onnxruntime",
    "onnxruntime-gpu": "onnxruntime-gpu",
    "numpy": "numpy",
    "opencv-python-headless": "opencv",
    "opencv-python": "opencv",
}
# Cut to one line: the end of the run names what is missing and the command that gets it.
_ONE_LINE = ("weights", "device")


def header_lines(
    target: Target, *, config: str = "", is_quick: bool = False, width: int = 80
) -> list[str]:
    """Write the header: a heading, then a line or two for each thing.

    Args:
        config: The configuration file, and what came from it.
    """
    selection = ": quick selection, all with --full" if is_quick else ""
    options = [f"{name}={value}" for name, value in target.engine_options.items()]
    named = "" if target.engines_named else " (default)"
    things = [
        ("config", config),
        ("engines", f"{', '.join(target.engines)}{named}"),
        ("options", ", ".join(options)),
        ("pipelines", ", ".join(target.pipelines)),
        ("models", ", ".join(map(str, target.models))),
        ("builds", ", ".join(map(str, target.engine_files))),
        ("weights", target.weights.description),
        *(("note", note) for note in target.weights_notes),
        ("data", _data(target)),
        ("note", target.sources_note),
        *(("note", note) for note in target.model_notes),
        ("versions", _versions()),
        ("device", f"{cpu_model()}, {n_usable_cpus()} processors ({slug(cpu_model())})"),
    ]
    lines = [f"RetinaFace validation{selection}"]
    for name, text in things:
        if text:
            n_lines = 1 if name in _ONE_LINE else 2
            lines += _wrap(f"{name:<9} {text}", width, n_lines)
    return lines


def _wrap(text: str, width: int, most: int) -> list[str]:
    return textwrap.wrap(
        visible(text),
        width,
        subsequent_indent=" " * 10,
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" ...",
    )


def _versions() -> str:
    versions = package_versions(_VERSIONED)
    return ", ".join(f"{_VERSIONED[name]} {version}" for name, version in versions.items())


def _data(target: Target) -> str:
    from retinaface.widerface.scoring import coverage_note

    try:
        dataset = target.data.open()
        covers = coverage_note(dataset.select(target.subset))
        return covers if target.data.is_embedded else f"{dataset.root}: {covers}"
    except RetinaFaceError as error:
        return f"none: {error}"

"""Commands that are killed, and what they leave."""

import json

import numpy as np

EMBEDDED = (
    "--engine=ort-cpu-fp32",
    "--pipeline=igie",
    "--weights=embedded",
    "--widerface=embedded",
)
COMMANDS = {
    "export": ("export", "--weights=embedded", "--output=m.onnx"),
    "evaluate": ("evaluate", *EMBEDDED, "--output=run", "--predictions=texts"),
    "validate": ("validate", "-k", "postprocess or widerface_ap", *EMBEDDED, "--record=run"),
    "report": ("report", "kept", "--output=report.html"),
}
TIMES = {"created", "seconds", "times_s", "detect_s", "build_s", "command", "commit", "arrays"}


def content(folder):
    """Read a record without times, and the arrays beside it."""

    def timeless(value):
        if isinstance(value, dict):
            return {key: timeless(v) for key, v in value.items() if key not in TIMES}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    arrays = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            arrays |= {(path.name, name): file[name].tobytes() for name in file.files}
    return timeless(json.loads((folder / "record.json").read_text())), arrays

"""The files that `--json` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Any) -> None:
    """Write a file whole, or not at all; a NaN is no JSON, and an error."""
    from retinaface.files import new_file

    with new_file(path) as file:
        text = json.dumps(content, indent=2)
        file.write_text(text + "\n", encoding="utf-8")

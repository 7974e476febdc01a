"""Write the JSON schema of each command's answer into docs/schemas."""

from __future__ import annotations

import json
from pathlib import Path

from retinaface.cli.answers.records import answers
from retinaface.cli.output.answer import json_schema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def schemas() -> dict[str, str]:
    """Make the content of each file, by its name: `assets-list.json` for `assets list`."""
    return {
        f"{command.replace(' ', '-')}.json": json.dumps(json_schema(answer), indent=1) + "\n"
        for command, answer in answers().items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

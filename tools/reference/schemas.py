"""Make the JSON schema of each command's answer."""

from __future__ import annotations

import json

from retinaface.cli.answers.records import answers
from retinaface.cli.output.answer import json_schema


def schemas() -> dict[str, str]:
    """Make the content of each file, by its name: `assets-list.json` for `assets list`."""
    return {
        f"{command.replace(' ', '-')}.json": json.dumps(json_schema(answer), indent=1) + "\n"
        for command, answer in answers().items()
    }

"""Describe each command and its options, as `--help` does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from retinaface.cli import cli

_INTRODUCTION = """\
# Commands

`python -m tools.reference` writes this page from the code; it says what `--help` says.
"""


def commands_page() -> str:
    """Write the page of all commands, in the order of `retinaface --help`."""
    root = click.Context(cli, info_name="retinaface")
    sections = [_section(context) for context in _contexts(root)]
    return "\n".join([_INTRODUCTION, *sections])


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """Walk through the commands that do something, groups opened."""
    if not isinstance(context.command, click.Group):
        yield context
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        if command is not None and not command.hidden:
            yield from _contexts(click.Context(command, info_name=name, parent=context))


def _section(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [
        record
        for parameter in command.params
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(context)) is not None
    ]
    lines = [
        f"## {context.command_path}",
        "",
        "```text",
        usage,
        "```",
        "",
        *_paragraphs(command.help or ""),
        "| option | meaning |",
        "| --- | --- |",
        *(f"| `{_cell(name)}` | {_cell(_as_markdown(text))} |" for name, text in rows),
        "",
    ]
    return "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    """Turn help into Markdown: what click may not wrap is a block of code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield "```text\n" + paragraph.removeprefix("\b").strip("\n") + "\n```\n"
        else:
            yield _as_markdown(paragraph) + "\n"


def _as_markdown(text: str) -> str:
    """Protect what Markdown or HTML would take for its own, outside of code."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

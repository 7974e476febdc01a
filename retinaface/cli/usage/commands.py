"""A command that takes what was not typed from variables and a configuration file.

What is typed goes before a variable, a variable before the file, and the file before the default.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from retinaface.cli.usage.types import Choice, PathOrWord
from retinaface.errors import nearest
from retinaface.suite.settings.given import NO_FILE, Settings, Value, read_settings
from retinaface.suite.settings.variables import CONFIG_VARIABLE
from retinaface.telling.visible import told

_KEY = "retinaface.settings"
# Its first lines name the file, and so does its record.
_NAMES_FILE_ITSELF = "validate"


class Command(click.Command):
    """A command with settings."""

    def __init__(self, *arguments: Any, no_args_is_help: bool = False, **settings: Any) -> None:
        """Add `--config`; a choice refuses a typo with the nearest word."""
        super().__init__(*arguments, **settings)
        self._helps_alone = no_args_is_help
        self.params.append(_config_option())
        for parameter in self.params:
            if type(parameter.type) is click.Choice:
                parameter.type = Choice(parameter.type.choices)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; errors name the variable or the file that a value comes from."""
        if not args and self._helps_alone and not ctx.resilient_parsing and self._lacks(ctx):
            raise click.exceptions.NoArgsIsHelpError(ctx)
        with _nearest_option(ctx):
            try:
                return super().parse_args(ctx, args)
            except click.BadParameter as error:
                if (value := _used(ctx).get(_name_of(error.param))) is not None:
                    raise click.UsageError(f"{value.origin}: {error.message}", ctx) from error
                raise

    def invoke(self, ctx: click.Context) -> Any:
        """Say which options come from a file, then run."""
        settings = settings_of(ctx)
        names = [name for name in _used(ctx) if name in settings.from_file]
        if names and self.name != _NAMES_FILE_ITSELF:
            click.echo(told(f"note: {', '.join(names)} from {settings.file}"), err=True)
        return super().invoke(ctx)

    def _lacks(self, ctx: click.Context) -> bool:
        """Tell whether something is required that no variable and no file gives."""
        given = _read(ctx, os.environ.get(CONFIG_VARIABLE) or None).values
        return any(_name_of(one) not in given for one in self.params if one.required)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments."""
        with _nearest_option(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; refuse a typo with the nearest name."""
        name = args[0]
        if name not in self.commands and name[:1].isalnum() and not ctx.resilient_parsing:
            near = nearest(name, self.commands)
            hint = f"did you mean {near}?" if near else f"expected {', '.join(self.commands)}"
            raise click.UsageError(f"No such command {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def settings_of(ctx: click.Context) -> Settings:
    """Give the settings of the command that runs."""
    found: Settings = ctx.meta.get(_KEY, Settings())
    return found


def _config_option() -> click.Option:
    return click.Option(
        ["--config"],
        type=PathOrWord(NO_FILE),
        metavar=f"FILE|{NO_FILE}",
        envvar=CONFIG_VARIABLE,
        is_eager=True,  # before the options whose values it gives
        expose_value=False,
        callback=_use_settings,
        help="Configuration.  [default: the nearest retinaface.toml, or pyproject.toml with "
        "[tool.retinaface]]",
    )


def _use_settings(ctx: click.Context, _parameter: click.Parameter, config: str | None) -> None:
    if ctx.resilient_parsing:  # of a completion, which answers whatever a file says
        return
    settings = ctx.meta[_KEY] = _read(ctx, config)
    ctx.default_map = {
        str(parameter.name): functools.partial(_default, ctx, parameter, settings.values[name])
        for parameter in ctx.command.params
        if (name := _name_of(parameter)) in settings.values
    }


def _read(ctx: click.Context, config: str | None) -> Settings:
    return read_settings(_command_name(ctx), os.environ, Path.cwd(), config)


def _default(ctx: click.Context, parameter: click.Parameter, value: Value) -> Any:
    """Give the value of a parameter that was not typed; called only where it is needed."""
    if parameter.multiple:
        return value.texts
    if len(value.texts) > 1:
        raise click.UsageError(
            f"{value.origin} names {len(value.texts)}: {', '.join(value.texts)}; {ctx.info_name} "
            f"takes one, so add {parameter.opts[0]}",
            ctx,
        )
    return value.texts[0]


def _used(ctx: click.Context) -> dict[str, Value]:
    """List the options whose value was not typed, but set."""
    values = settings_of(ctx).values
    return {
        name: values[name]
        for parameter in ctx.command.params
        if (name := _name_of(parameter)) in values
        and ctx.get_parameter_source(str(parameter.name)) is ParameterSource.DEFAULT_MAP
    }


def _name_of(parameter: click.Parameter | None) -> str:
    """Give the long name of an option; empty for what has none."""
    names = parameter.opts if isinstance(parameter, click.Option) else []
    return next((name.removeprefix("--") for name in names if name.startswith("--")), "")


def _command_name(ctx: click.Context) -> str:
    """Name the command as tables do: `assets` for `retinaface assets list`."""
    while ctx.parent is not None and ctx.parent.parent is not None:
        ctx = ctx.parent
    return str(ctx.info_name)


@contextlib.contextmanager
def _nearest_option(ctx: click.Context) -> Iterator[None]:
    """Refuse an unknown option with the nearest one."""
    try:
        yield
    except click.NoSuchOption as error:
        known = [one for p in ctx.command.get_params(ctx) for one in (*p.opts, *p.secondary_opts)]
        near = nearest(error.option_name, [one for one in known if one.startswith("--")])
        hint = f"; did you mean {near}?" if near else ""
        raise click.UsageError(f"No such option {error.option_name}{hint}", ctx) from error

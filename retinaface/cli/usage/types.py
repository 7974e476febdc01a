"""Types of values that refuse a typo with the nearest name, and complete in a shell."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from retinaface.errors import nearest
from retinaface.storage.location import is_url, location


class Choice(click.Choice):  # type: ignore[type-arg] # generic only since click 8.2
    """One of several words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.Choice.convert`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            if near := nearest(str(value), map(str, self.choices)):
                self.fail(f"{error.message.rstrip('.')}; did you mean {near}?", param, ctx)
            raise


class EngineName(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.3
    """An engine; whether it is known is found out where it is opened."""

    name = "engine"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer built-in engines and those of installed packages."""
        from retinaface.engines.catalogue import engine_names

        return _beginning(engine_names(), incomplete)


class PathOrWord(click.Path):
    """A path, or a word that may stand in its place."""

    def __init__(self, *words: str, **settings: Any) -> None:
        """Store the words."""
        super().__init__(**settings)
        self.words = words

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the words, and let the shell offer files."""
        words = _beginning(self.words, incomplete)
        return [*words, *super().shell_complete(ctx, param, incomplete)]


class PathOrSsh(click.Path):
    """A path, or an address `ssh://...`, which stays a string."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.Path.convert`; a path would lose one of the two slashes."""
        if str(value).startswith("ssh://"):
            return str(value)
        return super().convert(value, param, ctx)


class PathOrUrl(PathOrWord):
    """A path, or the URL of a storage, or a word."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.Path.convert`; a path would lose one of the two slashes."""
        if is_url(value):
            return location(value)
        return super().convert(value, param, ctx)


def asset_names(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer pinned files."""
    from retinaface.assets import REGISTRY

    return _beginning(REGISTRY, incomplete)


def _beginning(names: Any, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]

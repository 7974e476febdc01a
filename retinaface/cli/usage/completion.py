"""The command `retinaface completion`, for a shell's start-up file."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from retinaface.cli.usage.commands import Command

PROGRAM = "retinaface"
# Set by the script: then the program answers what could come next, and nothing else.
VARIABLE = f"_{PROGRAM.upper()}_COMPLETE"


@click.command(cls=Command, no_args_is_help=True)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script for completion in a shell.

    It completes commands, options, engines, pipelines and assets.

    \b
    bash:  retinaface completion bash > ~/.local/share/bash-completion/completions/retinaface
    zsh:   retinaface completion zsh > ~/.retinaface-completion.zsh
           echo 'source ~/.retinaface-completion.zsh' >> ~/.zshrc
    fish:  retinaface completion fish > ~/.config/fish/completions/retinaface.fish
    """
    maker = get_completion_class(shell)
    assert maker is not None  # noqa: S101 - click has all three
    root = click.get_current_context().find_root().command
    click.echo(maker(root, {}, PROGRAM, VARIABLE).source())

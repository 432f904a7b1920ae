"""Completion: prints the script that completes commands and options in a shell."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from wakecall.cli.options import Command

SHELLS: Final = ("bash", "zsh", "fish")
_LOAD: Final = {
    "bash": 'eval "$(wakecall completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(wakecall completion zsh)" in ~/.zshrc',
    "fish": "wakecall completion fish > ~/.config/fish/completions/wakecall.fish",
}


@click.command(cls=Command, epilog="\b\n" + "\n".join(f"{_LOAD[each]}" for each in SHELLS))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell.

    Load it where the shell starts:
    """
    kind = get_completion_class(shell)
    if kind is None:  # a shell that click does not know
        raise click.UsageError(f"There is no completion for {shell}.")
    program = context.find_root().command
    click.echo(kind(program, {}, "wakecall", "_WAKECALL_COMPLETE").source())

"""Reference: writes the help of every command into docs/cli.md; `make cli-reference` runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from wakecall.cli.main import main

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
BEGIN = "<!-- What follows is written by `make cli-reference`. -->\n"
_WIDTH = 100


def commands(
    command: click.Command, parent: click.Context | None = None
) -> Iterator[tuple[str, click.Context]]:
    """Yield a command and all below it by their whole names, each with its context."""
    name = command.name if parent else "wakecall"
    context = command.make_context(
        name,
        [],
        parent=parent,
        resilient_parsing=True,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
    )
    yield context.command_path, context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from commands(found, context)


def generated() -> str:
    """Return the help of every command in Markdown."""
    parts = []
    for name, context in commands(main):
        parts.append(f"### `{name}`\n\n```text\n{context.get_help().rstrip()}\n```\n")
    return "\n".join(parts)


def page(text: str) -> str:
    """Return the page with its generated part made new."""
    written, mark, _ = text.partition(BEGIN)
    assert mark, f"{PAGE} lacks the line {BEGIN}"
    return f"{written}{BEGIN}\n{generated()}"


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text()))
    sys.stderr.write(f"{PAGE} is up to date.\n")


if __name__ == "__main__":
    write()

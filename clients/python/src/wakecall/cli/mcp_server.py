"""MCP server: the command that serves agents, with the key of the profile in use."""

from __future__ import annotations

import importlib.util

import click

from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Command
from wakecall.cli.session import Session, pass_session


@click.command("mcp", cls=Command)
@click.option("--read-only", is_flag=True, help="Hide the tools that book and change.")
@pass_session
def mcp(session: Session, *, read_only: bool) -> None:
    """Serve an agent over standard input and output (Model Context Protocol).

    The agent starts this command itself: docs/mcp.md shows how each agent is set up.
    """
    require_extra()
    from wakecall.mcp import one_key  # noqa: PLC0415 - installed with the extra alone

    connection = session.connection
    one_key.serve(session.key, connection.url, is_read_only=read_only, zone=session.zone)


def require_extra() -> None:
    """Refuse to go on without the packages of the extra. Raises Failure."""
    if importlib.util.find_spec("mcp") is None:
        raise Failure(
            Exit.USAGE,
            "Not installed",
            "The packages of the MCP server are not installed.",
            "Install them: pip install 'wakecall[mcp]'.",
        )

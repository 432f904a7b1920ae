"""MCP server: the command that serves agents, with one key or over HTTP with those of requests."""

from __future__ import annotations

import importlib.util

import click

from wakecall import NO_RETRIES, errors
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Command
from wakecall.cli.session import Session, pass_session


@click.command("mcp", cls=Command)
@click.option("--read-only", is_flag=True, help="Hide the tools that book and change.")
@click.option("--http", is_flag=True, help="Serve HTTP; each request carries its own key.")
@click.option("--host", default="127.0.0.1", help="With --http: the address; 127.0.0.1 if absent.")
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8001,
    help="With --http: the port; 8001 if absent.",
)
@click.option(
    "--allow-host",
    multiple=True,
    envvar="WAKECALL_MCP_HOSTS",
    metavar="NAME",
    help="With --http: a name under which agents reach it; others are refused. May be repeated.",
)
@pass_session
def mcp(
    session: Session,
    *,
    read_only: bool,
    http: bool,
    host: str,
    port: int,
    allow_host: tuple[str, ...],
) -> None:
    """Serve an agent over standard input and output (Model Context Protocol).

    The agent starts this command itself: docs/mcp.md shows how each agent is set up.
    """
    _require_extra()
    from wakecall.mcp import http as many  # noqa: PLC0415 - installed with the extra alone
    from wakecall.mcp import one_key  # noqa: PLC0415 - as above

    url, zone = session.connection.url, session.zone
    if http:
        many.serve(url, host=host, port=port, hosts=allow_host, is_read_only=read_only, zone=zone)
    else:
        _refuse_wrong_key(session)
        one_key.serve(session.key, url, is_read_only=read_only, zone=zone)


def _refuse_wrong_key(session: Session) -> None:
    """End at once with a key that the service refuses. Raises Unauthenticated.

    A service that cannot be asked now may answer later: then the tools report what is wrong.
    """
    client = session.client_of(session.connection.url, session.key, NO_RETRIES)
    try:
        client.account()
    except errors.Unauthenticated:
        raise
    except errors.WakecallError as error:
        session.out.hint(f"The service cannot be asked yet: {error}")


def _require_extra() -> None:
    """Refuse to go on without the packages of the extra. Raises Failure."""
    if importlib.util.find_spec("mcp") is None:
        raise Failure(
            Exit.USAGE,
            "Not installed",
            "The packages of the MCP server are not installed.",
            "Install them from the checkout: pip install './clients/python[mcp]'",
        )

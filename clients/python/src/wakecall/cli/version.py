"""Version: shows the release of this program and of Python."""

from __future__ import annotations

import platform
from importlib import metadata

import click

from wakecall.cli.options import Command
from wakecall.cli.session import Session, pass_session


def release() -> str:
    """Return the release of this distribution; `unknown` in a checkout that is not installed."""
    try:
        return metadata.version("wakecall")
    except metadata.PackageNotFoundError:
        return "unknown"


@click.command(cls=Command)
@pass_session
def version(session: Session) -> None:
    """Show the version of this program."""
    found = {"wakecall": release(), "python": platform.python_version()}
    if session.options.is_json:
        session.out.document(found)
    else:
        session.out.line(f"wakecall {found['wakecall']}, Python {found['python']}")

"""Version: shows the release of this program and of Python."""

from __future__ import annotations

import platform

import click

from wakecall import __version__
from wakecall.cli.options import Command
from wakecall.cli.session import Session, pass_session


@click.command(cls=Command)
@pass_session
def version(session: Session) -> None:
    """Show the version of this program."""
    found = {"wakecall": __version__, "python": platform.python_version()}
    if session.options.is_json:
        session.out.document(found)
    else:
        session.out.line(f"wakecall {found['wakecall']}, Python {found['python']}")

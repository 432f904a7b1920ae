"""Account commands: an account suspended, resumed and deleted, from the operator's command line."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.api.context import current_context
from app.command_progress import progress
from app.commands import account, report_errors
from app.errors import NotFound
from app.service import account_lifecycle


def install() -> None:
    """Offer the commands as `flask --app wsgi account …`."""
    for command in (suspend_account, resume_account, delete_account):
        account.add_command(command)


@click.command("suspend")
@click.argument("name")
@with_appcontext
@report_errors
def suspend_account(name: str) -> None:
    """Let account NAME only read: no call is made for it, and nothing is lost, until it resumes."""
    account_lifecycle.suspend(current_context(), name)


@click.command("resume")
@click.argument("name")
@with_appcontext
@report_errors
def resume_account(name: str) -> None:
    """Let account NAME go on; what it missed is called, or not, as its jobs say."""
    account_lifecycle.resume(current_context(), name, progress("freed"))


@click.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@with_appcontext
@report_errors
def delete_account(name: str, *, yes: bool) -> None:
    """Delete account NAME with its keys, jobs, runs, history, secrets and apps, for good."""
    if not yes:
        click.confirm(f"Delete the account {name} and all that it has, for good?", abort=True)
    try:
        account_lifecycle.delete(current_context(), name, progress("deleted"))
    except NotFound:
        # Also what a second run of a script comes to.
        click.echo(f"There is no account {name!r}.", err=True)

"""Account commands: the operator's commands that suspend, resume and delete an account."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.api.context import current_context
from app.command_progress import progress
from app.commands import account, report_errors
from app.errors import NotFound
from app.service import account_lifecycle


def install() -> None:
    """Add the commands to `flask --app wsgi account`."""
    for command in (suspend_account, resume_account, delete_account):
        account.add_command(command)


@click.command("suspend")
@click.argument("name")
@click.option("--reason", default="", help="Why, for the audit log of the account.")
@with_appcontext
@report_errors
def suspend_account(name: str, reason: str) -> None:
    """Suspend account NAME: it can only read, and no calls are made. Nothing is deleted."""
    account_lifecycle.suspend(current_context(), name, reason=reason)


@click.command("resume")
@click.argument("name")
@click.option("--reason", default="", help="Why, for the audit log of the account.")
@with_appcontext
@report_errors
def resume_account(name: str, reason: str) -> None:
    """Resume account NAME; its jobs' misfire policies decide which missed calls are made."""
    account_lifecycle.resume(current_context(), name, progress("freed"), reason=reason)


@click.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@with_appcontext
@report_errors
def delete_account(name: str, *, yes: bool) -> None:
    """Delete account NAME with its keys, jobs, runs, history, secrets and apps, permanently."""
    if not yes:
        click.confirm(
            f"Delete the account {name} with all of its data? This cannot be undone.", abort=True
        )
    try:
        account_lifecycle.delete(current_context(), name, progress("deleted"))
    except NotFound:
        # Not an error, so that a script can be run twice.
        click.echo(f"There is no account {name!r}.", err=True)

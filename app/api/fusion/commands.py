"""Commands of the Fusion dialect: the runners of an account."""

from __future__ import annotations

from typing import Final

import click
from flask import Flask
from flask.cli import AppGroup

from app.api.context import current_context
from app.commands import report_errors
from app.service import accounts
from app.service.fusion import runners

fusion_runner: Final = AppGroup("fusion-runner", help="Runners of an account's Fusion jobs.")

_type: Final = click.option(
    "--type",
    "kind",
    required=True,
    type=click.Choice([str(each) for each in runners.KINDS]),
    help="The type of the jobs that the runner executes.",
)


def install(app: Flask) -> None:
    """Offer the commands as `flask --app wsgi fusion-runner …`."""
    app.cli.add_command(fusion_runner)


@fusion_runner.command("add")
@click.argument("account_name", metavar="ACCOUNT")
@_type
@click.option("--url", required=True, help="The URL that is called for each run.")
@report_errors
def add_runner(account_name: str, kind: str, url: str) -> None:
    """Set the runner of a type of jobs of ACCOUNT; replaces the one there is."""
    runners.put(
        current_context(), accounts.get_account(current_context(), account_name), kind, url=url
    )


@fusion_runner.command("list")
@click.argument("account_name", metavar="ACCOUNT")
@report_errors
def list_runners(account_name: str) -> None:
    """List the runners of ACCOUNT: type and URL."""
    for each in runners.list_runners(
        current_context(), accounts.get_account(current_context(), account_name)
    ):
        click.echo(f"{each.name:10}  {each.url}")


@fusion_runner.command("remove")
@click.argument("account_name", metavar="ACCOUNT")
@_type
@report_errors
def remove_runner(account_name: str, kind: str) -> None:
    """Remove a runner of ACCOUNT; jobs of its type fail until there is another."""
    runners.delete(current_context(), accounts.get_account(current_context(), account_name), kind)

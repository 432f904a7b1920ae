"""Commands: the operator's command line for accounts, their API keys and their signing secrets."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final, ParamSpec

import click
import psycopg
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from app.api.context import current_context
from app.domain import instants
from app.domain.account import Account
from app.domain.limits import TABLE
from app.domain.scope import Scope
from app.domain.secret import MAX_OVERLAP
from app.errors import Misconfigured, Refused, WakecallError
from app.log import describe_error
from app.service import accounts, keys, limits
from app.store.database_state import remedy_of

P = ParamSpec("P")

_SHIFTS: Final = {None: 0, "KiB": 10, "MiB": 20, "GiB": 30}
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

account: Final = AppGroup("account", help="Accounts.")
key: Final = AppGroup("key", help="API keys of an account.")
secret: Final = AppGroup("secret", help="Signing secrets of an account.")


def install(app: Flask) -> None:
    """Add the commands to `flask --app wsgi`."""
    for group in (account, key, secret):
        app.cli.add_command(group)


def report_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Make a command print an error as one line on standard error, and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except WakecallError as error:
            click.echo(_message(error), err=True)
            raise SystemExit(1) from None
        except (SQLAlchemyError, psycopg.Error) as error:
            click.echo(_with_remedy(error), err=True)
            raise SystemExit(1) from None
        except UnicodeEncodeError:
            click.echo("An argument has bytes that are not UTF-8.", err=True)
            raise SystemExit(1) from None

    return run


def _message(error: WakecallError) -> str:
    """Return an error in one line, with the remedy, or else with its cause.

    Operators may read the cause of Unavailable, which clients may not. If the operator can remove
    it, the message for clients, which tells to try again, is left out.
    """
    cause = error.__cause__
    if isinstance(error, Refused):
        return f"{error.message} {error.remedy}".strip()
    if cause is None:
        return error.message
    return _with_remedy(cause) if remedy_of(cause) else f"{error.message} ({_line(cause)})"


def _with_remedy(error: BaseException) -> str:
    """Return an error of the database in one line, with its remedy if there is one."""
    return f"{_line(error)}. {remedy_of(error)}".strip()


def _line(error: BaseException) -> str:
    """Return an error of the database, which may have several lines, as one line."""
    return " ".join(describe_error(error).split()).rstrip(".")


@account.command("create")
@click.argument("name")
@report_errors
def create_account(name: str) -> None:
    """Create an account; print its first API key, which is not shown again."""
    click.echo(accounts.create(current_context(), name))


def _amount(
    _context: click.Context, parameter: click.Parameter, text: str | None
) -> int | str | None:
    if text is None or text in {"default", "off"}:
        return text
    found = re.fullmatch(r"([0-9]{1,16})(KiB|MiB|GiB)?", text)
    if found is None or (found[2] and "bytes" not in str(parameter.name)):
        sizes = ", optionally with KiB, MiB or GiB" if "bytes" in str(parameter.name) else ""
        raise click.BadParameter(f"use an integer{sizes}, `off`, or `default`.")
    return int(found[1]) << _SHIFTS[found[2]]


def _limit_options(command: Callable[P, None]) -> Callable[P, None]:
    """Add an option for each limit to a command."""
    for each in reversed(TABLE):
        off = "|off" if each.can_be_off else ""
        option = click.option(
            each.option,
            each.field,
            callback=_amount,
            metavar=f"N{off}|default",
            help=f"The highest number of {each.counts}; `default` uses {each.setting}.",
        )
        command = option(command)
    return command


@account.command("limit")
@click.argument("name")
@_limit_options
@report_errors
def limit_account(name: str, **amounts: int | str | None) -> None:
    """Give account NAME limits of its own; without options, show its limits and its usage."""
    given = {each.name: found for each in TABLE if (found := amounts[each.field]) is not None}
    if given:
        accounts.set_limits(current_context(), name, given)
        return
    for state in limits.states(current_context(), accounts.get_account(current_context(), name)):
        allowed = "off" if state.allowed is None else state.allowed
        used = "" if state.used is None else f"{state.used} used"
        source = "own" if state.own else state.limit.setting
        click.echo(f"{state.limit.name:18} {allowed:>16}  {used:>22}  {source}".rstrip())


@key.command("create")
@click.argument("account_name", metavar="ACCOUNT")
@click.option("--label", default="", help="What the key is for.")
@click.option(
    "--scope",
    type=click.Choice([str(each) for each in Scope]),
    help="What the key may do. Each scope includes those before it. The default is admin, and book "
    "with --dapr-app.",
)
@click.option("--dapr-app", metavar="ID", help="Restrict the key to the jobs of this Dapr app.")
@click.option(
    "--expires",
    metavar="INSTANT",
    help="When the key expires, as in 2030-05-11T15:30:00Z. By default it does not expire.",
)
@report_errors
def create_key(
    account_name: str, label: str, scope: str | None, dapr_app: str | None, expires: str | None
) -> None:
    """Create another API key of ACCOUNT, and print it; it is not shown again."""
    text = keys.create(
        current_context(),
        account_name,
        label,
        app=dapr_app,
        scope=None if scope is None else Scope(scope),
        expires_at=None if expires is None else instants.parse(expires, member="expires"),
    )
    click.echo(text)


@key.command("list")
@click.argument("account_name", metavar="ACCOUNT")
@report_errors
def list_keys(account_name: str) -> None:
    """List the API keys of ACCOUNT: id, creation, state, scope, label, app, expiry, last use."""
    for each in keys.list_keys(current_context(), account_name):
        state = "valid" if each.is_valid else "revoked" if each.revoked_at else "expired"
        further = [
            "" if each.app is None else f"Dapr app {each.app}",
            "" if each.expires_at is None else f"expires {instants.format_utc(each.expires_at)}",
            "" if each.last_used_at is None else f"used {instants.format_utc(each.last_used_at)}",
        ]
        details = ", ".join(filter(None, further))
        made = instants.format_utc(each.created_at)
        line = f"{each.id}  {made}  {state:7}  {each.scope:5}  {each.label}"
        click.echo(f"{line}  ({details})" if details else line)


@key.command("revoke")
@click.argument("key_id")
@report_errors
def revoke_key(key_id: str) -> None:
    """Revoke the API key with the id KEY_ID (see `key list`) at once."""
    keys.revoke(current_context(), key_id)


def _report_undecrypted(_account: Account, _error: Misconfigured) -> None:
    click.echo("One secret is not listed: no key in WAKECALL_SECRET_KEY decrypts it.", err=True)


@secret.command("show")
@click.argument("account_name", metavar="ACCOUNT")
@report_errors
def show_secrets(account_name: str) -> None:
    """Print the signing secrets of ACCOUNT that are valid now, newest first."""
    for each in accounts.list_secrets(
        current_context(), account_name, unopened=_report_undecrypted
    ):
        click.echo(each.value)


@secret.command("list")
@click.argument("account_name", metavar="ACCOUNT")
@report_errors
def list_secrets(account_name: str) -> None:
    """List the signing secrets of ACCOUNT without showing them: creation and end, newest first."""
    for each in accounts.list_secrets(
        current_context(), account_name, unopened=_report_undecrypted
    ):
        end = "current"
        if each.expires_at is not None:
            end = f"until {instants.format_utc(each.expires_at)}"
        click.echo(f"{instants.format_utc(each.created_at)}  {end}")


def _duration(_context: click.Context, _parameter: click.Parameter, text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,8})([smhd])", "0s" if text == "0" else text)
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if duration is None or duration > MAX_OVERLAP:
        raise click.BadParameter(
            "use a number with a unit, such as 90s, 30m, 24h or 7d, at most 365d; or 0."
        )
    return duration


@secret.command("rotate")
@click.argument("account_name", metavar="ACCOUNT")
@click.option(
    "--overlap",
    default="24h",
    show_default=True,
    callback=_duration,
    metavar="DURATION",
    help="How long the old secrets also sign; 0 ends them at once.",
)
@report_errors
def rotate_secret(account_name: str, overlap: timedelta) -> None:
    """Create a new signing secret of ACCOUNT, and print it."""
    valid = accounts.rotate_secret(
        current_context(), account_name, overlap=overlap, unopened=_report_undecrypted
    )
    click.echo(valid[0].value)

"""Secrets: the commands that list and rotate the signing secrets of the account."""

from __future__ import annotations

import click

from wakecall.cli import times, views
from wakecall.cli.options import Group, idempotency_key
from wakecall.cli.output import Column, Row
from wakecall.cli.session import Session, pass_session

_SHOWN = 10


@click.group(cls=Group)
def secret() -> None:
    """List, show and rotate signing secrets. This takes a key with the scope admin."""


@secret.command("list")
@pass_session
def list_secrets(session: Session) -> None:
    """List the secrets that sign calls, newest first; tables show their beginnings."""
    session.out.rows(
        session.ask("GET", "/1/secrets"),
        [
            Column("secret", _beginning),
            Column("created", lambda each: views.instant(each["created"])),
            Column("expires", lambda each: views.instant(each.get("expires"))),
        ],
        of="value",
    )


@secret.command("show")
@click.option("--all", "every", is_flag=True, help="All secrets that sign, one a line.")
@pass_session
def show(session: Session, *, every: bool) -> None:
    """Print the newest secret: `wakecall secret show > secret`."""
    found = session.ask("GET", "/1/secrets")
    if session.options.is_json:
        session.out.document(found if every else found[0])
        return
    for each in found if every else found[:1]:
        session.out.line(f"{each['value']}")


@secret.command("rotate")
@click.option("--overlap", metavar="SPAN", help="How long older secrets sign as well; 1d.")
@idempotency_key()
@pass_session
def rotate(session: Session, *, overlap: str | None, idempotency_key: str | None) -> None:
    """Make a new secret. Receivers need it before the older ones end."""
    try:
        seconds = None if overlap is None else int(times.parse_span(overlap).total_seconds())
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint="--overlap") from None
    if seconds == 0:
        session.confirm("All older secrets end at once: calls fail until receivers change.", "0s")
    found = session.ask(
        "POST",
        "/1/secrets/rotate",
        document=None if seconds is None else {"overlap": seconds},
        idempotency_key=idempotency_key,
    )
    if session.options.is_json:
        session.out.document(found)
        return
    session.out.line(f"{found[0]['value']}")
    for each in found[1:]:
        end = views.instant(each.get("expires"))
        session.out.hint(
            f"{_beginning(each)} signs as well until {views.when_of(session.out, end)}"
        )


def _beginning(secret_: Row) -> str:
    return f"{secret_['value'][:_SHOWN]}…"

"""Account: the commands that show the account, its accuracy, and the connection in use."""

from __future__ import annotations

from http import HTTPStatus

import click

from wakecall import errors
from wakecall.cli import failures, times, views
from wakecall.cli.options import Command
from wakecall.cli.output import Column, Json, Row
from wakecall.cli.session import Session, pass_session


@click.command(cls=Command)
@pass_session
def whoami(session: Session) -> None:
    """Show the service, the account and where the key is from."""
    found = session.ask("GET", "/1/account")
    connection = session.connection
    session.out.fields(
        {**found, "url": connection.url, "keyFrom": connection.key_from},
        [
            ("account", found["account"]),
            ("url", connection.url),
            ("url from", connection.url_from),
            ("key from", connection.key_from),
            ("created", views.instant(found.get("created"))),
            ("suspended", views.instant(found.get("suspended"))),
        ],
        of="account",
    )


@click.command(cls=Command)
@pass_session
def status(session: Session) -> int:
    """Show whether the service is ready, and what the account uses of its limits.

    Exits with 1 if the service is not ready.
    """
    session.out.refuse_ids()
    health = _readiness(session)
    account = session.ask("GET", "/1/account")
    destinations = session.ask("GET", "/1/destinations")
    failing = session.ask("GET", "/1/runs/failures")["jobs"]
    is_ready = health is None
    if session.options.is_json:
        session.out.document(
            {
                "ready": is_ready,
                "account": account,
                "destinations": destinations["destinations"],
                "failures": failing,
            }
        )
        return 0 if is_ready else failures.Exit.REFUSED
    waiting = sum(each.get("waiting", 0) for each in destinations["destinations"])
    session.out.fields(
        {},
        [
            ("service", session.connection.url),
            ("ready", "yes" if is_ready else f"no: {health}"),
            ("account", account["account"]),
            ("suspended", views.instant(account.get("suspended"))),
            ("jobs that failed within a day", f"{len(failing)}"),
            ("calls that wait for a receiver", f"{waiting}"),
        ],
    )
    if session.out.format == "table":
        session.out.line("")
    session.out.rows(
        [{"name": name, **each} for name, each in account["limits"].items()],
        [
            Column("limit", lambda each: each["name"]),
            Column("used", lambda each: each.get("used"), is_number=True),
            Column("allowed", _allowed, is_number=True),
        ],
    )
    return 0 if is_ready else failures.Exit.REFUSED


@click.command(cls=Command)
@pass_session
def accuracy(session: Session) -> None:
    """Show how late the calls of the account began, in the last hour and day."""
    session.out.refuse_ids()
    found = session.ask("GET", "/1/accuracy")
    if session.options.is_json:
        session.out.document(found)
        return
    figures = ("p50Ms", "p95Ms", "p99Ms", "maxMs")
    session.out.rows(
        [{"window": name, **found[name]} for name in ("hour", "day")],
        [
            Column("window", lambda each: each["window"]),
            Column("calls", lambda each: each["deliveries"], is_number=True),
            *(_figure(name) for name in figures),
            Column("since", lambda each: views.instant(each["since"])),
        ],
    )


def _figure(name: str) -> Column:
    def shown(window: Row) -> str:
        value = window.get(name)
        return "-" if value is None else times.milliseconds(value)

    title = name.removesuffix("Ms")
    return Column(title, lambda each: each.get(name), shown, is_number=True, unit="ms")


def _allowed(limit: Row) -> Json:
    value = limit.get("limit")
    return "no limit" if value is None else value


def _readiness(session: Session) -> str | None:
    """Return why the service is not ready; None if it is."""
    try:
        answer = session.send("GET", "/readyz")
    except errors.ProblemError as error:
        return f"{error}"
    return None if answer.status == HTTPStatus.OK else answer.text.strip()

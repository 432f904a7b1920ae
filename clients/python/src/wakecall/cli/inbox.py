"""Inbox: the commands about test receivers, which record the calls that they get."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click

from wakecall.cli import bulk, inbox_feed, times, views
from wakecall.cli.inbox_feed import Feed
from wakecall.cli.options import Group, idempotency_key
from wakecall.cli.output import Column, Json, Row
from wakecall.cli.session import Session, pass_session

_ANSWERS: Final = click.Choice(["204", "500", "429", "202", "wait"])
_ANSWER_HELP: Final = "What it answers to calls; 202 lets `run complete` report the result."


@click.group(cls=Group)
def inbox() -> None:
    """Make test receivers and show their calls. INBOX is an id or a label."""


@inbox.command("list")
@pass_session
def list_inboxes(session: Session) -> None:
    """List the inboxes of the account, oldest first."""
    session.out.rows(
        inbox_feed.inboxes(session),
        [
            Column("label", lambda each: each["label"]),
            Column("answer", lambda each: each["answer"]),
            Column("calls", lambda each: each["calls"], is_number=True),
            Column("url", lambda each: each["url"]),
            Column("last call", lambda each: views.instant(each.get("lastCall"))),
            Column("id", lambda each: each["id"]),
        ],
    )


@inbox.command("create")
@click.option("--label", default="", help="What it is for.")
@click.option("--answer", type=_ANSWERS, default="204", help=_ANSWER_HELP)
@idempotency_key()
@pass_session
def create(session: Session, *, label: str, answer: str, idempotency_key: str | None) -> None:
    """Create an inbox, and print its URL."""
    made = session.ask(
        "POST",
        "/1/inboxes",
        document={"label": label, "answer": answer},
        idempotency_key=idempotency_key,
    )
    session.out.one(made, f"{made['url']}", of="url")


@inbox.command("set")
@click.argument("reference", metavar="INBOX")
@click.option("--label", help="Another label.")
@click.option("--answer", type=_ANSWERS, help=_ANSWER_HELP)
@pass_session
def set_inbox(session: Session, *, reference: str, label: str | None, answer: str | None) -> None:
    """Give an inbox another label or answer."""
    found = inbox_feed.find(session, reference)
    document: dict[str, Json] = {
        "label": found["label"] if label is None else label,
        "answer": answer or found["answer"],
    }
    changed = session.ask("PUT", f"/1/inboxes/{found['id']}", document=document)
    session.out.one(changed, f"Changed {reference}: answers {changed['answer']}.")


@inbox.command("rm")
@click.argument("references", metavar="INBOX...", nargs=-1, required=True)
@pass_session
def remove(session: Session, references: tuple[str, ...]) -> int:
    """Delete inboxes with their calls."""
    return bulk.each(
        session,
        references,
        lambda each: session.ask("DELETE", f"/1/inboxes/{inbox_feed.find(session, each)['id']}"),
        lambda each, _: f"Deleted the inbox {each}.",
    )


@inbox.command("calls")
@click.argument("reference", metavar="[INBOX]", required=False)
@click.option("--follow", is_flag=True, help="Wait for calls, and print them as they come.")
@click.option("--limit", type=click.IntRange(1), default=20, help="How many at most; 20.")
@pass_session
def calls(session: Session, *, reference: str | None, follow: bool, limit: int) -> None:
    """Show the calls to an inbox, newest first; without INBOX, to the only or oldest one."""
    found = _chosen(session, reference)
    if not follow:
        recorded: Iterable[Row] = session.list(f"/1/inboxes/{found['id']}/calls", most=limit)
        session.out.rows(recorded, _columns(), of="number")
        return
    session.out.hint(f"Waiting for calls of {found['url']}. Ctrl-C ends.")
    for call in Feed(session, found):
        if session.options.is_json:
            session.out.compact(call)
        else:
            session.out.line(_sentence(session, call))


def _chosen(session: Session, reference: str | None) -> Row:
    """Return the inbox that is named, else the first of the account, which is made if need be."""
    if reference is not None:
        return inbox_feed.find(session, reference)
    found = inbox_feed.inboxes(session)
    if found:
        return found[0]
    made: Row = session.ask("POST", "/1/inboxes")
    session.out.hint(f"An inbox was created: {made['url']}")
    return made


def _columns() -> list[Column]:
    return [
        Column("call", lambda each: each["number"], is_number=True),
        Column("received", lambda each: views.instant(each["received"])),
        Column("method", lambda each: each["method"]),
        Column("path", _path),
        Column("signature", lambda each: each["signature"]),
        Column("late", lambda each: each.get("latenessMs"), _late, is_number=True, unit="ms"),
        Column("answer", lambda each: each["answer"]),
        Column("run", lambda each: each.get("run")),
        Column("body", lambda each: each["data"], is_free=True),
    ]


def _sentence(session: Session, call: Row) -> str:
    at = views.instant(call["received"])
    clock = times.exact_clock(at, session.zone) if at else ""
    late = f", {_late(call)} late" if _late(call) else ""
    return f"{clock} {call['method']} {_path(call)}: {call['signature']}{late}. {call['data']}"


def _path(call: Row) -> str:
    query = f"?{call['query']}" if call["query"] else ""
    return f"{call['path'] or '/'}{query}"


def _late(call: Row) -> str:
    value = call.get("latenessMs")
    return times.milliseconds(value) if isinstance(value, int | float) else ""

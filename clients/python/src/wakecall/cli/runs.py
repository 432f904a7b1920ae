"""Runs: the commands that list, show, follow, redeliver and complete runs."""

from __future__ import annotations

from typing import Final

import click

from wakecall.cli import bulk, times, views, waiting
from wakecall.cli.options import Group, idempotency_key
from wakecall.cli.output import Column, Json, Row
from wakecall.cli.run_filter import filters_runs
from wakecall.cli.session import Parameter, Session, pass_session

_EVERY_S: Final = 2.0
_WATCHED: Final = 100
"""Runs that are looked at each time; what ends between two looks beyond these is not shown."""


@click.group(cls=Group)
def run() -> None:
    """List, show, follow, redeliver and complete runs: the calls of jobs."""


@run.command("list")
@pass_session
@filters_runs
@click.option("--limit", type=click.IntRange(1), default=100, help="How many at most; 100.")
@click.option("--all", "every", is_flag=True, help="All runs that are kept.")
def list_runs(session: Session, *, filters: dict[str, Parameter], limit: int, every: bool) -> None:
    """List runs, newest first."""
    query = {**filters, **views.view_of_runs(session.out)}
    found = session.list("/1/runs", query, most=None if every else limit)
    count = session.out.rows(found, views.run_columns(session.out))
    if session.out.format == "table":
        more = ", and more: --all" if found.has_more else ""
        session.out.hint(f"{count} run{'' if count == 1 else 's'}{more}.")


@run.command("get")
@click.argument("run_id", metavar="RUN")
@click.option("--body", is_flag=True, help="Print the body of the newest response alone.")
@pass_session
def get(session: Session, *, run_id: str, body: bool) -> None:
    """Show a run with its attempts."""
    found = session.ask("GET", _path(run_id))
    if body:
        session.out.content(views.body_of(views.last_attempt(found)))
        return
    times_of = ("due", "settled", "nextAttempt", "completeBy")
    fields = [
        (name, views.instant(value) if name in times_of else value)
        for name, value in found.items()
        if name != "attempts"
    ]
    session.out.fields(found, fields)
    if session.out.format == "table" and found["attempts"]:
        session.out.line("")
        session.out.rows(found["attempts"], _attempt_columns())


@run.command("watch")
@click.argument("run_id", metavar="[RUN]", required=False)
@pass_session
def watch(session: Session, run_id: str | None) -> int:
    """Follow a run until it is over; without RUN, print the account's runs as they end."""
    if run_id is None:
        _watch_all(session)
    over = waiting.follow_run(session, _id(run_id or ""))
    if session.options.is_json:
        session.out.document(over)
    return waiting.exit_code(over)


@run.command("redeliver")
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@idempotency_key()
@pass_session
def redeliver(session: Session, *, run_ids: tuple[str, ...], idempotency_key: str | None) -> int:
    """Send runs that are over again, each under its own id."""
    if idempotency_key and len(run_ids) > 1:
        raise click.UsageError("A key repeats one request: give one RUN.")
    return bulk.each(
        session,
        run_ids,
        lambda each: session.ask(
            "POST", f"{_path(each)}/redeliver", idempotency_key=idempotency_key
        ),
        lambda each, _: f"Run {each} is sent again: wakecall run watch {each}",
    )


@run.command("complete")
@click.argument("run_id", metavar="RUN")
@click.option("--failed", is_flag=True, help="The work has failed; it is not tried again.")
@click.option("--message", help="Shown as the reason of the run.")
@pass_session
def complete(session: Session, *, run_id: str, failed: bool, message: str | None) -> None:
    """Report the result of a run whose receiver answered that it would come later."""
    document: dict[str, Json] = {"status": "failed" if failed else "succeeded"}
    if message is not None:
        document["message"] = message
    found = session.ask("POST", f"{_path(run_id)}/complete", document=document)
    session.out.one(found, f"Run {run_id}: {views.end_sentence(session.out, found)}")


def _attempt_columns() -> list[Column]:
    return [
        Column("attempt", lambda each: each.get("number"), is_number=True),
        Column("started", lambda each: views.instant(each.get("started"))),
        Column("result", views.result_of, _marked),
        Column("late", lambda each: each.get("latenessMs"), _late, is_number=True, unit="ms"),
        Column("took", _took, _total, is_number=True, unit="ms"),
        Column("detail", lambda each: each.get("errorDetail") or each.get("body"), is_free=True),
    ]


def _marked(attempt: Row) -> str:
    result = views.result_of(attempt)
    return f"{views.DONE if result.startswith('2') else views.FAILED} {result}"


def _late(attempt: Row) -> str:
    value = attempt.get("latenessMs")
    return "" if value is None else times.milliseconds(value)


def _took(attempt: Row) -> float | None:
    return views.timing_of(attempt, "totalMs")


def _total(attempt: Row) -> str:
    value = _took(attempt)
    return "" if value is None else times.milliseconds(value)


def _watch_all(session: Session) -> None:
    """Print runs as they end, until interrupted; the runs that are over at the start are not."""
    known: dict[str, Json] = {}
    query: dict[str, Parameter] = {"limit": _WATCHED, **views.view_of_runs(session.out)}
    is_first = True
    while True:
        listed = session.ask("GET", "/1/runs", query=query)
        for each in reversed(listed):
            end = each.get("settled") if each["state"] in views.OVER else None
            if end and known.get(each["id"]) != end and not is_first:
                _print_end(session, each)
            known[each["id"]] = end
        for gone in known.keys() - {each["id"] for each in listed}:
            del known[gone]
        is_first = False
        session.world.sleep(_EVERY_S)


def _print_end(session: Session, ended: Row) -> None:
    if session.options.is_json:
        session.out.compact(ended)
        return
    at = views.instant(ended.get("settled"))
    clock = times.exact_clock(at, session.zone) if at else ""
    result = views.attempt_sentence(session.out, views.last_attempt(ended))
    session.out.line(f"{clock} {ended['id']} {views.mark_of(ended)}. {result}")


def _id(run_id: str) -> str:
    return _path(run_id).rpartition("/")[2]


def _path(run_id: str) -> str:
    """Return the path of a run. Raises click's errors for what cannot be the id of one."""
    if not run_id or set(run_id) - set("0123456789abcdefABCDEF-"):
        raise click.BadParameter(f"{run_id!r} is not the id of a run.", param_hint="RUN")
    return f"/1/runs/{run_id}"

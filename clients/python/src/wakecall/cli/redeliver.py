"""Redeliver: the command that sends all runs again that a filter selects, after it counted them."""

from __future__ import annotations

from collections.abc import Mapping

import click

from wakecall import errors
from wakecall.cli import failures
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Command
from wakecall.cli.output import Column, Json
from wakecall.cli.run_filter import filters_runs
from wakecall.cli.session import Session, pass_session

_REDELIVERABLE = frozenset({"failed", "dead"})


@click.command(cls=Command)
@pass_session
@filters_runs
@click.option("--check", is_flag=True, help="Only count; send nothing.")
def redeliver(session: Session, *, filters: Mapping[str, Json], check: bool) -> None:
    """Send failed and dead runs again: counts them, asks, and sends them oldest first.

    Without a terminal nothing is asked: then --yes is needed.
    """
    session.out.refuse_ids()
    unknown = set(filters.get("state") or ()) - _REDELIVERABLE
    if unknown:
        raise click.BadParameter(
            f"Runs that are {', '.join(sorted(unknown))} are not redelivered together. "
            "Use failed and dead; `wakecall run redeliver RUN` sends a run of any end.",
            param_hint="--state",
        )
    counted = _all(session, {**filters, "dryRun": True})
    if check or counted["count"] == 0:
        _print(session, counted, "would be sent again")
        return
    session.confirm(f"{_sentence(counted, 'would be sent again')}", f"{counted['count']}")
    _print(session, _all(session, filters), "are sent again")


def _all(session: Session, document: Mapping[str, Json]) -> dict[str, Json]:
    """Send the filter until nothing is left; return the counts together.

    One request redelivers or counts a limited number of runs, and tells where to continue.
    """
    count = lost = 0
    cursor: str | None = None
    while True:
        asked = {**document, **({"cursor": cursor} if cursor else {})}
        try:
            part = session.ask("POST", "/1/runs/redeliver", document=asked)
        except errors.WakecallError as error:
            if not count or "dryRun" in document:
                raise
            done = _sentence({"count": count, "lost": lost}, "are sent again")
            raise Failure(
                Exit(failures.exit_code(error)),
                "Not finished",
                f"{done} For the others: {error}",
                "Send the command again later.",
            ) from error
        count += part["count"]
        lost += part["lost"]
        following = part.get("cursor")
        if not part["more"] or not following:
            return {"count": count, "lost": lost, "more": part["more"]}
        if following == cursor:
            raise Failure(
                Exit.REFUSED,
                "Not finished",
                f"{count} runs are done, and the service does not go on with the others.",
                "Send the command again later.",
            )
        cursor = following


def _print(session: Session, counts: dict[str, Json], verb: str) -> None:
    if session.options.is_json:
        session.out.document(counts)
    elif session.out.format == "table":
        session.out.line(_sentence(counts, verb))
    else:
        session.out.rows([counts], _columns())


def _columns() -> list[Column]:
    return [Column("count", lambda each: each["count"]), Column("lost", lambda each: each["lost"])]


def _sentence(counts: dict[str, Json], verb: str) -> str:
    """Return a sentence such as `1,204 runs would be sent again, 3 cannot: ...`."""
    count, lost = counts["count"], counts["lost"]
    runs = f"{count:,} run{'' if count == 1 else 's'}"
    if count == 1:
        verb = verb.replace("are", "is")
    rest = (
        f", {lost:,} cannot: their content is not kept, or they were attempted 1,000 times"
        if lost
        else ""
    )
    return f"{runs} {verb}{rest}."

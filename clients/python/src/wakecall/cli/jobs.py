"""Jobs: the commands that list, show, change and call jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

import click

from wakecall import errors
from wakecall.cli import booking, bulk, times, views, waiting
from wakecall.cli.options import Group, idempotency_key
from wakecall.cli.output import Column, Row
from wakecall.cli.session import Session, future, is_id, job_path, parsed, pass_session

_LIMIT: Final = 100
_ASSIGNED: Final = frozenset({"id", "account", "next"})
"""Members of a job that the service sets."""

_SCHEDULE: Final = ("when", "cron", "timezone", "onGap", "onOverlap")
_PAYLOAD: Final = ("data", "dataEncoding")
_CREATED: Final = 201
_NAMED: Final = 5
"""Jobs that a question names."""


@click.group(cls=Group)
def job() -> None:
    """List, show, change and call jobs. JOB is an id or a name; name:N is always a name."""


@job.command("list")
@click.option("--tag", multiple=True, help="Only jobs with this tag; with all, if given again.")
@click.option("--name", help="Only jobs whose name begins with this.")
@click.option("--host", help="Only jobs that call this host.")
@click.option("--failing", is_flag=True, help="Only jobs whose newest run failed.")
@click.option("--paused", is_flag=True, help="Only paused jobs.")
@click.option("--due-before", metavar="TIME", help="Only jobs due before this, soonest first.")
@click.option(
    "--sort", type=click.Choice(["newest", "next", "name"]), help="The order; newest by default."
)
@click.option("--limit", type=click.IntRange(1), default=_LIMIT, help="How many at most; 100.")
@click.option("--all", "every", is_flag=True, help="All jobs, however many.")
@pass_session
def list_jobs(  # noqa: PLR0913 - one for each option
    session: Session,
    *,
    tag: tuple[str, ...],
    name: str | None,
    host: str | None,
    failing: bool,
    paused: bool,
    due_before: str | None,
    sort: str | None,
    limit: int,
    every: bool,
) -> None:
    """List jobs."""
    until = future(session, due_before, "--due-before")
    found = session.list(
        "/1/jobs",
        {
            "view": "full",
            "tag": tag,
            "namePrefix": name,
            "host": host,
            "failing": "true" if failing else None,
            "enabled": "false" if paused else None,
            "sort": "next" if until else sort,
        },
        most=None if every else limit,
    )
    is_table = session.out.format == "table"
    failures = _failures(session) if is_table else None
    rows = _due_before(found, until) if until else found
    count = session.out.rows(rows, views.job_columns(session.out, failures))
    if is_table:
        session.out.hint(_summary(count, more=found.has_more, failures=failures or {}))


@job.command("get")
@click.argument("reference", metavar="JOB")
@pass_session
def get(session: Session, reference: str) -> None:
    """Show a job."""
    found = session.job(reference)
    shown = {
        **found,
        "next": views.instant(found.get("next")),
        "when": views.instant(found.get("when")),
    }
    session.out.fields(found, list(shown.items()))


@job.command("set")
@click.argument("reference", metavar="JOB")
@click.option("--to", metavar="URL", help="What the job calls.")
@click.option("--name", help="Another name.")
@click.option("--unset", multiple=True, metavar="MEMBER", help="Remove this member of the job.")
@booking.describes_job
@pass_session
def set_job(
    session: Session,
    *,
    reference: str,
    to: str | None,
    name: str | None,
    unset: tuple[str, ...],
    described: booking.Described,
) -> None:
    """Change members of a job; book a job of that NAME if there is none and --to is given.

    With another --cron the job keeps its time zone and its rules for clock changes, unless others
    are given. --tz UTC and --utc remove them.
    """
    changes = {
        **booking.members(session, described),
        **({"url": to} if to else {}),
        **({"name": name} if name else {}),
    }
    if not changes and not unset:
        raise click.UsageError("Give what is to be changed.")
    document = _existing(session, reference, may_lack=bool(to) and not is_id(reference))
    absent = [each for each in unset if each not in document]
    if absent:
        raise click.BadParameter(f"The job has no {', '.join(absent)}.", param_hint="--unset")
    kept = {key: value for key, value in document.items() if key not in _ASSIGNED | {*unset}}
    replaced = _replaced(session, changes)
    kept = {key: value for key, value in kept.items() if key not in replaced}
    # The address of a name takes no other name: a job is renamed by its id.
    renamed = name is not None and "id" in document
    path = job_path(f"{document['id']}" if renamed else reference)
    answer = session.send("PUT", path, document={**kept, **changes})
    changed = parsed(answer)
    word = "Booked" if answer.status == _CREATED else "Changed"
    at = views.next_of(changed, session.out.now)
    due = f"; next {views.when_of(session.out, at)}" if at else ""
    session.out.one(changed, f"{word} {views.name_of(changed)}{due}.")


@job.command("rm")
@click.argument("references", metavar="JOB...", nargs=-1, required=True)
@pass_session
def remove(session: Session, references: tuple[str, ...]) -> int:
    """Delete jobs, after a question. Without a terminal nothing is asked: then --yes is needed.

    No call of a deleted job begins later than 100 ms after it.
    """
    if not session.options.yes:
        _confirm(session, references)
    return bulk.each(
        session,
        references,
        lambda each: session.ask("DELETE", job_path(each)),
        lambda each, _: f"Deleted {each}.",
    )


def _confirm(session: Session, references: tuple[str, ...]) -> None:
    """Count the jobs that there are, and ask whether to delete them. Raises Failure."""
    names = []
    for each in references:
        try:
            names.append(views.name_of(session.job(each)))
        except errors.NotFound:
            # Of several, it is named when the others are deleted.
            if len(references) == 1:
                raise
    if not names:
        return
    count = len(names)
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    session.confirm(
        f"{count} job{'' if count == 1 else 's'} will be deleted: "
        f"{', '.join(names[:_NAMED])}{more}.",
        f"{count}",
    )


@job.command("fire")
@click.argument("reference", metavar="JOB")
@waiting.waits
@idempotency_key()
@pass_session
def fire(
    session: Session,
    *,
    reference: str,
    wait: bool,
    wait_for: timedelta | None,
    idempotency_key: str | None,
) -> int:
    """Call a job now; its schedule stays as it is."""
    wait = wait or wait_for is not None
    run = session.ask(
        "POST",
        f"/1/jobs/{session.job_id(reference)}/fire",
        idempotency_key=idempotency_key,
    )
    if not wait or not session.options.is_json:
        session.out.one(run, f"Fired {reference}: run {run['id']}")
    if not wait:
        return 0
    over = waiting.follow_fired(session, f"{run['id']}", wait_for)
    if session.options.is_json:
        session.out.document(over)
    return waiting.exit_code(over)


@job.command("pause")
@click.argument("references", metavar="JOB...", nargs=-1, required=True)
@pass_session
def pause(session: Session, references: tuple[str, ...]) -> int:
    """Pause jobs: withdraw all their future calls, retries too."""
    return bulk.each(
        session,
        references,
        lambda each: session.ask("POST", f"/1/jobs/{session.job_id(each)}/pause"),
        lambda each, _: f"Paused {each}.",
    )


@job.command("resume")
@click.argument("references", metavar="JOB...", nargs=-1, required=True)
@pass_session
def resume(session: Session, references: tuple[str, ...]) -> int:
    """Resume jobs that are paused."""

    def sentence(reference: str, resumed: Row) -> str:
        at = views.next_of(resumed, session.out.now)
        return f"Resumed {reference}{f'; next {views.when_of(session.out, at)}' if at else ''}."

    return bulk.each(
        session,
        references,
        lambda each: session.ask("POST", f"/1/jobs/{session.job_id(each)}/resume"),
        sentence,
    )


@job.command("runs")
@click.argument("reference", metavar="JOB")
@click.option("--limit", type=click.IntRange(1), default=20, help="How many at most; 20.")
@click.option("--all", "every", is_flag=True, help="All runs that are kept.")
@pass_session
def runs(session: Session, *, reference: str, limit: int, every: bool) -> None:
    """List the runs of a job, newest first; by its id also after the job has ended."""
    path, query = f"/1/jobs/{session.job_id(reference)}/runs", views.view_of_runs(session.out)
    found = session.list(path, query, most=None if every else limit)
    session.out.rows(found, views.run_columns(session.out))
    if found.has_more:
        session.out.hint("More runs follow: --all.")


@job.command("next")
@click.argument("reference", metavar="JOB")
@click.option("-n", "count", type=click.IntRange(1, 100), default=5, help="How many; 5.")
@pass_session
def next_firings(session: Session, *, reference: str, count: int) -> None:
    """List the next firings of a job."""
    booked = session.job(reference)
    if booked.get("dialect"):
        raise click.UsageError(
            f"The job is one of the {booked['dialect']} API. Its next firing is in "
            f"`wakecall job get {reference}`; `wakecall api POST /1/preview` shows more."
        )
    document = {name: booked[name] for name in _SCHEDULE if name in booked}
    shown = session.ask("POST", "/1/preview", document={**document, "count": count})
    if session.options.is_json:
        session.out.document(shown)
        return
    session.out.rows(shown["next"], firing_columns(session), of="utc")
    if booked.get("enabled") is False:
        session.out.hint("The job is paused: these firings are not made until it is resumed.")


def firing_columns(session: Session) -> list[Column]:
    """Return the columns of firings in a preview."""
    out = session.out

    def distance(firing: Row) -> str:
        at = views.instant(firing.get("utc"))
        return times.distance(at, out.now) if at else ""

    return [
        Column("local", lambda each: each.get("local"), _local),
        Column("utc", lambda each: each.get("utc")),
        Column("in", lambda _: None, distance, is_for_people=True),
    ]


def _local(firing: Row) -> str:
    at = views.instant(firing.get("local"))
    return f"{at:%a} {at.day} {at:%b %Y} {times.clock(at, at.tzinfo)}" if at else ""


def _replaced(session: Session, changes: Row) -> frozenset[str]:
    """Return the members of a job that do not stay beside what is changed."""
    replaced: set[str] = set()
    if "when" in changes or ("cron" in changes and booking.zone_of_cron(session) == booking.UTC):
        replaced.update(_SCHEDULE)
    if "cron" in changes:
        replaced.add("when")
    if "data" in changes:
        replaced.update(_PAYLOAD)
    return frozenset(replaced)


def _existing(session: Session, reference: str, *, may_lack: bool) -> Row:
    """Return the job to be changed; an empty document if there is none, where that may be."""
    try:
        return session.job(reference)
    except errors.NotFound:
        if may_lack:
            return {}
        raise


def _due_before(found: Iterable[Row], until: str) -> Iterator[Row]:
    """Yield jobs, soonest first, until one is due later."""
    limit = views.instant(until)
    for each in found:
        at = views.due_of(each)
        if at is not None and limit is not None and at >= limit:
            return
        yield each


def _failures(session: Session) -> dict[str, str]:
    """Return what jobs that fail got last, by the id of the job."""
    document = session.ask("GET", "/1/runs/failures")
    found = {}
    for each in document["jobs"]:
        at = views.instant(each.get("due"))
        ago = f", {times.distance(at, session.out.now)}" if at else ""
        result = each.get("status") or each.get("error") or each.get("state")
        found[f"{each.get('job')}"] = f"{views.FAILED} {result}{ago}"
    failing = session.list("/1/jobs", {"view": "full", "failing": "true"}, most=1000)
    ids = {f"{each['id']}" for each in failing}
    return {id_: text for id_, text in found.items() if id_ in ids}


def _summary(count: int, *, more: bool, failures: dict[str, str]) -> str:
    """Return how many jobs are listed, and how to see the failures."""
    text = f"{count} job{'' if count == 1 else 's'}{', and more: --all' if more else ''}."
    if failures:
        number = len(failures)
        text += f" {number} {'is' if number == 1 else 'are'} failing: wakecall job list --failing"
    return text

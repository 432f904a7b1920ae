"""Plan changes: what applying a file would do, as the service answers it, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote

from wakecall import errors
from wakecall.cli import times
from wakecall.cli.config_file import SET_TAG, ConfigFile, Declared
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.output import Json
from wakecall.cli.session import HEADERS, Session, job_path

Outcome = Literal["created", "replaced", "unchanged"]

SENSITIVE: Final = "(sensitive)"
OUTCOME: Final = "wakecall-outcome"
_ABSENT: Final = "(absent)"
_ASSIGNED: Final = frozenset({"id", "account", "next", "name"})
_HIDDEN: Final = frozenset({"headers", "data", "dataEncoding", "signature"})
"""Members that are shown by what of them changes, never by their values: they may hold secrets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One member that differs; its values as they may be shown."""

    member: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What would become of one job of the file, or why the service refuses it."""

    declared: Declared
    outcome: Outcome | None = None
    job: Mapping[str, Json] | None = None
    """The job as it would be."""

    changes: tuple[Change, ...] = ()
    was: datetime | None = None
    """The next firing of the job that is replaced."""

    refusal: errors.ProblemError | Failure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What applying a file would do."""

    account: str
    url: str
    file: ConfigFile
    jobs: tuple[Planned, ...]
    left_over: tuple[Mapping[str, Json], ...]
    """Jobs that carry the tag of the set and are not in the file."""

    def of(self, outcome: Outcome) -> tuple[Planned, ...]:
        """Return the jobs with this outcome."""
        return tuple(each for each in self.jobs if each.outcome == outcome)

    @property
    def refused(self) -> tuple[Planned, ...]:
        """The jobs that the service refuses."""
        return tuple(each for each in self.jobs if each.refusal is not None)

    @property
    def has_changes(self) -> bool:
        """Whether applying the file, and pruning, would change anything."""
        return bool(self.of("created") or self.of("replaced") or self.left_over)


def make(session: Session, file: ConfigFile) -> Plan:
    """Return the plan of a file. Raises Failure for one of another account or service."""
    account = account_of(session, file)
    names = {each.name for each in file.jobs}
    left_over = tuple(each for each in of_set(session, file.tag) if each.get("name") not in names)
    return Plan(
        account=account,
        url=session.connection.url,
        file=file,
        jobs=tuple(_planned(session, each) for each in file.jobs),
        left_over=left_over,
    )


def account_of(session: Session, file: ConfigFile) -> str:
    """Return the account of the key. Raises Failure for a file of another account or service."""
    connection = session.connection
    if file.url is not None and file.url.rstrip("/") != connection.url:
        raise Failure(
            Exit.USAGE,
            "Another service",
            f"{file.path} is for {file.url}, but the service is {connection.url} "
            f"(from {connection.url_from}).",
            "Choose the service with --url, --profile or WAKECALL_URL.",
        )
    account = f"{session.ask('GET', '/1/account')['account']}"
    if file.account not in (None, account):
        raise Failure(
            Exit.USAGE,
            "Another account",
            f"{file.path} is for the account {file.account}, but the key is of {account}.",
            "Use a key of that account.",
        )
    return account


def of_set(session: Session, tag: str) -> Iterator[dict[str, Json]]:
    """Yield the jobs that carry a tag."""
    yield from session.list("/1/jobs", {"view": "full", "tag": [tag], "dialect": "native"})


def put_path(name: str) -> str:
    """Return the path of a job's name."""
    return f"/1/jobs/by-name/{quote(name, safe='')}"


def _planned(session: Session, declared: Declared) -> Planned:
    try:
        answer = session.client.request(
            "PUT",
            put_path(declared.name),
            params={"dryRun": "true"},
            json=dict(declared.document),
            headers=HEADERS,
        )
        outcome = outcome_of(answer.headers.get(OUTCOME))
        job: dict[str, Json] = answer.json()
        before = session.job(f"name:{declared.name}") if outcome == "replaced" else {}
    except errors.ProblemError as error:
        return Planned(declared=declared, refusal=error)
    if owner := _other_set(before, declared):
        return Planned(declared=declared, refusal=owner)
    was = datetime.fromisoformat(before["next"]) if before.get("next") else None
    changes = tuple(_compare(before, job, declared)) if before else ()
    return Planned(declared=declared, outcome=outcome, job=job, changes=changes, was=was)


def outcome_of(name: str | None) -> Outcome:
    """Return the outcome that the service names. Raises Failure for an older service."""
    match name:
        case "created" | "replaced" | "unchanged" as known:
            return known
        case _:
            raise Failure(
                Exit.REFUSED, "Too old", "This service does not tell what a declared job changes."
            )


def _other_set(before: Mapping[str, Json], declared: Declared) -> Failure | None:
    """Return why a job of another set is not touched; None for any other."""
    others = [
        each
        for each in before.get("tags", ())
        if each.startswith(SET_TAG) and each not in declared.document["tags"]
    ]
    if not others:
        return None
    return Failure(
        Exit.CONFLICT,
        "Of another set",
        f"{declared.name} belongs to the set {others[0].removeprefix(SET_TAG)}.",
        f"Remove its tag {others[0]} first, or take the job out of that file.",
    )


def _compare(
    before: Mapping[str, Json], after: Mapping[str, Json], declared: Declared
) -> Iterator[Change]:
    for member in (*before, *(each for each in after if each not in before)):
        old, new = before.get(member), after.get(member)
        if member in _ASSIGNED or old == new:
            continue
        if member == "headers":
            yield from _compare_headers(old or {}, new or {})
        elif member in _HIDDEN or member in declared.sensitive:
            yield Change(member=member, before=_hidden(old), after=_hidden(new))
        else:
            yield Change(member=member, before=_shown(old), after=_shown(new))


def _compare_headers(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in (*old, *(each for each in new if each not in old)):
        if old.get(name) != new.get(name):
            before, after = _hidden(old.get(name)), _hidden(new.get(name))
            yield Change(member=f"headers.{name}", before=before, after=after)
    if old != new and not any(old.get(each) != new.get(each) for each in {*old, *new}):
        yield Change(member="headers", before=_shown([*old]), after=_shown([*new]))


def _hidden(value: Json) -> str:
    return _ABSENT if value is None else SENSITIVE


def _shown(value: Json) -> str:
    match value:
        case None:
            return _ABSENT
        case str():
            return f'"{value}"'
        case bool():
            return "true" if value else "false"
        case dict():
            return f"{{{', '.join(f'{name} = {_shown(each)}' for name, each in value.items())}}}"
        case list():
            return f"[{', '.join(map(_shown, value))}]"
        case _:
            return f"{value}"


def lines(session: Session, plan: Plan, *, prune: bool) -> Iterator[str]:
    """Yield the plan for people, a line for each job that changes."""
    yield f"Account {plan.account} at {plan.url}, set {plan.file.set}"
    wide = max((len(each.declared.name) for each in plan.jobs), default=0)
    for each in plan.jobs:
        name = f"{each.declared.name:<{wide}}"
        if each.outcome == "created":
            yield f"+ {name}  {_schedule(session, each)}"
        elif each.outcome == "replaced":
            yield f"~ {name}  {'; '.join([*map(_sentence, each.changes), *_next(session, each)])}"
    note = "" if prune else "  (with --prune)"
    for left in plan.left_over:
        yield f"- {left.get('name') or left['id']}{note}"
    yield (
        f"  {len(plan.of('unchanged'))} unchanged. {len(plan.of('created'))} to create, "
        f"{len(plan.of('replaced'))} to replace, {len(plan.left_over) if prune else 0} to delete"
        f"{f', {len(plan.refused)} refused' if plan.refused else ''}."
    )


def document(plan: Plan) -> dict[str, Json]:
    """Return the plan for programs; values that may be secrets are left out."""
    return {
        "account": plan.account,
        "set": plan.file.set,
        "jobs": [
            {
                "name": each.declared.name,
                "outcome": each.outcome or "refused",
                "next": (each.job or {}).get("next"),
                "changes": [
                    {"member": change.member, "before": change.before, "after": change.after}
                    for change in each.changes
                ],
            }
            for each in plan.jobs
        ],
        "leftOver": [{"id": each["id"], "name": each.get("name")} for each in plan.left_over],
    }


def _sentence(change: Change) -> str:
    return f"{change.member} {change.before} -> {change.after}"


def _schedule(session: Session, planned: Planned) -> str:
    job = planned.job or {}
    asked = {name: job.get(name) for name in ("cron", "timezone", "onGap", "onOverlap")}
    summary = session.ask("POST", "/1/preview", document={**asked, "count": 1})["summary"]
    return "; ".join([f"{summary}", *_next(session, planned)])


def _next(session: Session, planned: Planned) -> Iterator[str]:
    text = (planned.job or {}).get("next")
    if text is None:
        if planned.was is not None or planned.outcome == "created":
            yield "paused"
        return
    instant = datetime.fromisoformat(text)
    if instant != planned.was:
        yield f"next {times.day_and_time(instant, session.zone, session.out.now)}"


def end(session: Session, job: Mapping[str, Json]) -> None:
    """Delete a job that was left over, whatever its name is now."""
    session.ask("DELETE", job_path(f"{job['id']}"))

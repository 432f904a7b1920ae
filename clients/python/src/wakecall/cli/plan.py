"""Plan: the commands that compare wakecall.toml with the service, and make the service like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import click

from wakecall import errors
from wakecall.cli import config_check, config_file, failures, plan_changes
from wakecall.cli.config import PROJECT_FILE
from wakecall.cli.config_file import ConfigFile
from wakecall.cli.failures import Exit
from wakecall.cli.options import Command
from wakecall.cli.output import Json
from wakecall.cli.plan_changes import Plan, Planned
from wakecall.cli.session import HEADERS, Session, pass_session


def file_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that names the file."""
    return click.option(
        "-f",
        "--file",
        "path",
        metavar="FILE",
        default=PROJECT_FILE,
        help="The file; wakecall.toml.",
    )


@click.command(cls=Command)
@file_option()
@pass_session
def validate(session: Session, *, path: str) -> int:
    """Check wakecall.toml without asking the service.

    Names all errors at once: members, values and their bounds, and variables and files that are not
    there. Exits with 3 if the file is wrong. Whether the service accepts the jobs, `wakecall plan`
    shows.
    """
    around = session.world.around
    examined = config_file.examine(config_file.path_of(around.folder, path), around.environ)
    file = examined.file
    wrong = tuple(dict.fromkeys([*examined.wrong, *config_check.check(file)]))
    if wrong:
        raise config_file.refusal(file.path, wrong)
    session.out.hint(f"{file.path}: the set {file.set} has {_count(len(file.jobs))}.")
    return Exit.DONE


@click.command(cls=Command)
@file_option()
@click.option("--prune", is_flag=True, help="Count the jobs that `apply --prune` would delete.")
@click.option("--detect", is_flag=True, help="Exit with 9 if anything would change.")
@pass_session
def plan(session: Session, *, path: str, prune: bool, detect: bool) -> int:
    """Show what `wakecall apply` would do, without doing it.

    Each job is compared by the service itself. Values from the environment and from files, headers
    and payloads are not shown. Exits with 3 if the file is wrong, and with 1 if a job is refused.
    """
    found = plan_changes.make(session, _read(session, path))
    _show(session, found, prune=prune)
    if session.options.is_json:
        session.out.document(plan_changes.document(found))
    if found.refused:
        return Exit.REFUSED
    return Exit.CHANGES if detect and found.has_changes else Exit.DONE


@click.command(cls=Command)
@file_option()
@click.option(
    "--prune", is_flag=True, help="Also delete the jobs of the set that the file does not have."
)
@click.option("--keep-going", is_flag=True, help="Go on after a job that is refused.")
@pass_session
def apply(session: Session, *, path: str, prune: bool, keep_going: bool) -> int:
    """Make the jobs of the set as wakecall.toml has them.

    Jobs are created and replaced in the order of their names, after all of them were checked. Jobs
    that are equal already are left alone. Only jobs that carry the tag of the set are deleted, with
    --prune and after a question.
    """
    found = plan_changes.make(session, _read(session, path))
    _show(session, found, prune=prune)
    if found.refused and not keep_going:
        session.out.hint("Nothing was done, as a job is refused. --keep-going applies the others.")
        return Exit.REFUSED
    ending = found.left_over if prune else ()
    if ending:
        session.confirm(
            f"{_count(len(ending))} of the set {found.file.set} will be deleted.", f"{len(ending)}"
        )
    failed = len(found.refused)
    done: list[Json] = []
    for act in _steps(session, found, prune=prune):
        try:
            done.extend(act())
        except errors.ProblemError as error:
            failed += 1
            failures.show(error, as_json=session.options.is_json)
            if not keep_going:
                break
    if session.options.is_json:
        session.out.document({"account": found.account, "set": found.file.set, "applied": done})
    return Exit.REFUSED if failed else Exit.DONE


_Step = Callable[[], list[Json]]
"""Does one thing, prints it, and returns what it did."""


def _steps(session: Session, found: Plan, *, prune: bool) -> Iterator[_Step]:
    for each in found.jobs:
        if each.outcome in ("created", "replaced"):
            yield partial(_put, session, each)
    for left in found.left_over if prune else ():
        yield partial(_end, session, left)


def _put(session: Session, planned: Planned) -> list[Json]:
    name = planned.declared.name
    answer = session.client.request(
        "PUT",
        plan_changes.put_path(name),
        json=dict(planned.declared.document),
        headers=HEADERS,
    )
    outcome = plan_changes.outcome_of(answer.headers.get(plan_changes.OUTCOME))
    return _done(session, name, outcome)


def _end(session: Session, job: Mapping[str, Json]) -> list[Json]:
    try:
        plan_changes.end(session, job)
    except errors.NotFound:
        return []
    return _done(session, f"{job.get('name') or job['id']}", "deleted")


def _done(session: Session, name: str, outcome: str) -> list[Json]:
    if not session.options.is_json:
        session.out.line(f"{outcome.capitalize()} {name}")
    return [{"name": name, "outcome": outcome}]


def _show(session: Session, found: Plan, *, prune: bool) -> None:
    for each in found.refused:
        if each.refusal is not None:
            session.out.hint(f"{each.declared.name} is refused:")
            failures.show(each.refusal, as_json=session.options.is_json)
    if session.options.is_json:
        return
    for line in plan_changes.lines(session, found, prune=prune):
        session.out.line(line)


def _read(session: Session, path: str) -> ConfigFile:
    around = session.world.around
    return config_file.read(config_file.path_of(around.folder, path), around.environ)


def _count(number: int) -> str:
    return f"{number} job{'' if number == 1 else 's'}"

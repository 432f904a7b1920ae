"""Pull: writes the jobs of a set, as the service has them, into wakecall.toml."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wakecall.cli import config_file, plan_changes
from wakecall.cli.config import replace_file
from wakecall.cli.config_file import MEMBERS, VERSION, ConfigFile
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Command
from wakecall.cli.output import Json
from wakecall.cli.plan import file_option
from wakecall.cli.session import Session, pass_session

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_INLINE: Final = frozenset({"headers", "retry"})
Job = Mapping[str, Json]


@click.command(cls=Command)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@file_option()
@click.option("--set", "set_name", metavar="NAME", help="The set, for a file that is new.")
@pass_session
def pull(session: Session, *, names: tuple[str, ...], path: str, set_name: str | None) -> int:
    """Write the jobs of the set, as the service has them, into wakecall.toml.

    Further jobs by NAME are written too, and become part of the set when the file is applied.
    Comments and values from the environment, files and variables stay. Jobs that the service does
    not have stay in the file, and are named. Needs tomlkit: `pip install tomlkit`.
    """
    around = session.world.around
    target = config_file.path_of(around.folder, path)
    document, known = _opened(target, around.environ, set_name)
    plan_changes.account_of(session, known)
    found = {each["name"]: each for each in _jobs(session, known.tag, names)}
    before = _text(document) if target.exists() else ""
    changes = [each for name in sorted(found) for each in _write(document, known, found[name])]
    after = _text(document)
    if after != before:
        _save(target, after)
    for each in changes:
        session.out.hint(each)
    for declared in known.jobs:
        if declared.name not in found:
            session.out.hint(
                f"{declared.name} is in the file and not on the service: `wakecall apply` would "
                "create it."
            )
    count = f"{len(found)} job{'' if len(found) == 1 else 's'} of the service"
    if after != before:
        session.out.hint(f"{target} was written: it has {count}.")
    else:
        session.out.hint(f"{target} stays as it is: it has {count}.")
    return Exit.DONE


def _opened(
    path: Path, environ: Mapping[str, str], set_name: str | None
) -> tuple[TOMLDocument, ConfigFile]:
    """Return the file for editing and its content; a new one if there is none. Raises Failure."""
    try:
        import tomlkit  # noqa: PLC0415 - an extra, which no other command needs
    except ImportError:
        raise Failure(
            Exit.USAGE,
            "A package is missing",
            "This command needs tomlkit.",
            "Install it: pip install tomlkit",
        ) from None
    if not path.exists():
        if not set_name:
            raise Failure(
                Exit.USAGE, "No file", f"There is no {path}.", "Give a set to begin one: --set NAME"
            )
        document = tomlkit.document()
        document["version"] = VERSION
        document["set"] = set_name
        return document, ConfigFile(path=path, set=set_name, account=None, url=None, jobs=())
    known = config_file.read(path, environ)
    if set_name not in (None, known.set):
        raise Failure(
            Exit.USAGE, "Another set", f"{path} has the set {known.set}.", "Leave --set out."
        )
    return tomlkit.parse(path.read_text(encoding="utf-8")), known


def _jobs(session: Session, tag: str, names: tuple[str, ...]) -> Iterator[Job]:
    """Yield the jobs of the set and those named, whole. Raises Failure for what a file cannot hold.

    Lists leave long payloads out, so that each job is read by itself.
    """
    of_set = [each["name"] for each in plan_changes.of_set(session, tag) if each.get("name")]
    for name in dict.fromkeys([*of_set, *names]):
        job = session.job(f"name:{name}")
        if "when" in job:
            if name in names:
                raise Failure(
                    Exit.USAGE, "Not recurring", f"{name} fires once; a file has recurring jobs."
                )
            session.out.hint(f"{name} fires once, and is left out: a file has recurring jobs.")
            continue
        yield job


def _write(document: TOMLDocument, known: ConfigFile, job: Job) -> Iterator[str]:
    """Put a job into the document; yield what was done."""
    import tomlkit  # noqa: PLC0415 - as above

    name = f"{job['name']}"
    wanted = _members(job, known.tag)
    declared = next((each for each in known.jobs if each.name == name), None)
    jobs = document.setdefault("jobs", tomlkit.table(is_super_table=True))
    if declared is None:
        table = tomlkit.table()
        for member, value in wanted.items():
            table[member] = _item(member, value)
        jobs[name] = table
        yield f"+ {name}"
        if "headers" in wanted:
            yield f"  The headers of {name} are written as they are: use {{ env = … }} for secrets."
        return
    before = _members(declared.document, known.tag)
    if before == wanted:
        return
    table, defaults = jobs[name], document.get("defaults", {})
    for member in MEMBERS:
        old, new = before.get(member), wanted.get(member)
        if old == new:
            continue
        if _refers(table.get(member, defaults.get(member))):
            yield (
                f"! {name}: {member} has another value on the service. The file takes its own from "
                "elsewhere ({ env = … }, { file = … } or a variable), and keeps that."
            )
        elif new is not None:
            table[member] = _item(member, new)
            yield f"~ {name}: {member}"
        elif member in table:
            del table[member]
            yield f"~ {name}: {member} was removed"
        else:
            yield (
                f"! {name}: {member} is a default of the file, and the job on the service has no "
                f"{member}. `wakecall apply` would add it."
            )


def _members(job: Job, tag: str) -> dict[str, Json]:
    """Return the members of a job as a file has them."""
    found = {member: job[member] for member in MEMBERS if job.get(member) not in (None, {}, [])}
    tags = list(found.pop("tags", []))
    # The tag of the set is added at the end; elsewhere it has to be in the file.
    if tags[-1:] == [tag]:
        tags.pop()
    if tags:
        found["tags"] = tags
    if found.get("enabled") is True:
        del found["enabled"]
    return _in_text(found)


def _in_text(members: dict[str, Json]) -> dict[str, Json]:
    """Return the members with a payload as text where it is text, however it was sent."""
    if members.get("dataEncoding") != "base64":
        return members
    try:
        text = base64.b64decode(f"{members['data']}").decode()
    except ValueError:
        return members
    return {**{k: v for k, v in members.items() if k != "dataEncoding"}, "data": text}


def _refers(value: Json) -> bool:
    """Return whether a value of the file is one from elsewhere, or has such a value in it."""
    match value:
        case str():
            return "${" in value.replace("$$", "")
        case dict():
            return not value.keys().isdisjoint({"env", "file"}) or any(map(_refers, value.values()))
        case list():
            return any(map(_refers, value))
        case _:
            return False


def _item(member: str, value: Json) -> Any:  # noqa: ANN401 - an item of tomlkit
    import tomlkit  # noqa: PLC0415 - as above

    if member in _INLINE and isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update({name: _escaped(each) for name, each in value.items()})
        return table
    return _escaped(value)


def _escaped(value: Json) -> Json:
    """Return a value in which a dollar sign does not begin a variable."""
    match value:
        case str():
            return value.replace("$", "$$")
        case list():
            return [_escaped(each) for each in value]
        case dict():
            return {name: _escaped(each) for name, each in value.items()}
        case _:
            return value


def _text(document: TOMLDocument) -> str:
    import tomlkit  # noqa: PLC0415 - as above

    return tomlkit.dumps(document)


def _save(path: Path, text: str) -> None:
    """Write the file, whose mode stays: it may hold secrets. Raises Failure."""
    try:
        replace_file(path, text, stat.S_IMODE(path.stat().st_mode) if path.exists() else None)
    except OSError as error:
        raise Failure(
            Exit.REFUSED, "Not written", f"{path} cannot be written: {error.strerror or error}."
        ) from None

"""Config file: reads wakecall.toml: the jobs of one set, with their variables and defaults."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from wakecall.cli.booking import payload_of
from wakecall.cli.config import MAX_FILE_BYTES, read_toml
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.output import Json

VERSION: Final = 1
SET_TAG: Final = "managed:"
"""How the tag begins that all jobs of a set carry."""

MEMBERS: Final = (
    *("url", "cron", "timezone", "onGap", "onOverlap", "data", "dataEncoding", "contentType"),
    *("signature", "enabled", "tags", "method", "headers", "timeout", "retry", "misfire"),
    *("misfireWindow", "onSuccess", "onFailure"),
)
"""The members of a job that a file may have: those of the API, but for a job that fires once."""

_ENDPOINTS: Final = frozenset({"apps", "runners"})
"""What users of other tools look for in such a file, and commands of their own set here."""

_TOP: Final = frozenset({"version", "account", "set", "url", "vars", "defaults", "jobs"})
_VARIABLE: Final = re.compile(r"\$(\$|\{([A-Za-z_][A-Za-z0-9_-]*)\})")
_SOURCES: Final = (frozenset({"env"}), frozenset({"env", "default"}), frozenset({"file"}))


class Wrong(Exception):
    """What is wrong with a file: where in it, and why."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """A job as the file declares it."""

    name: str
    document: Mapping[str, Json]
    """The document for the API, with the tag of the set, and without `name`."""

    sensitive: frozenset[str]
    """The members whose values come from the environment or a file, which are not shown."""

    own: frozenset[str]
    """The members that the job has itself; the others are defaults of the file."""

    def where(self, member: str) -> str:
        """Return the place of a member in the file, for messages."""
        return _place(self.name, member, self.own)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigFile:
    """The content of a wakecall.toml."""

    path: Path
    set: str
    account: str | None
    url: str | None
    jobs: tuple[Declared, ...]
    """By name, in order."""

    @property
    def tag(self) -> str:
        """The tag of all jobs of the set."""
        return f"{SET_TAG}{self.set}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Value:
    """A value of the file, and whether it comes from the environment or a file."""

    value: Json
    is_sensitive: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    """Resolves values: `{ env = … }`, `{ file = … }` and `${variable}`."""

    folder: Path
    environ: Mapping[str, str]
    variables: Mapping[str, _Value | Wrong]
    """The variables, and what is wrong with those that have no value."""

    def resolve(self, where: str, value: Json) -> _Value:
        """Return a value with all that it refers to. Raises Wrong."""
        match value:
            case str():
                return self._text(where, value)
            case dict() if frozenset(value) in _SOURCES:
                return self._source(where, value)
            case dict() if not value.keys().isdisjoint({"env", "file"}):
                raise Wrong(where, "use { env = … }, { env = …, default = … } or { file = … }")
            case dict():
                parts = {
                    name: self.resolve(f"{where}.{name}", each) for name, each in value.items()
                }
                return _Value(
                    value={name: each.value for name, each in parts.items()},
                    is_sensitive=any(each.is_sensitive for each in parts.values()),
                )
            case list():
                items = [
                    self.resolve(f"{where}[{index}]", each) for index, each in enumerate(value)
                ]
                return _Value(
                    value=[each.value for each in items],
                    is_sensitive=any(each.is_sensitive for each in items),
                )
            case float() if not math.isfinite(value):
                raise Wrong(where, f"{value} is not a number that can be sent")
            case bool() | int() | float():
                return _Value(value=value, is_sensitive=False)
            case _:
                raise Wrong(where, "a date is written as text")

    def _text(self, where: str, text: str) -> _Value:
        is_sensitive = False

        def put(found: re.Match[str]) -> str:
            nonlocal is_sensitive
            if found[1] == "$":
                return "$"
            if found[2] not in self.variables:
                raise Wrong(where, f"there is no variable {found[2]}; $$ stands for a dollar sign")
            variable = self.variables[found[2]]
            if isinstance(variable, Wrong):
                raise variable
            is_sensitive |= variable.is_sensitive
            return f"{variable.value}"

        return _Value(value=_VARIABLE.sub(put, text), is_sensitive=is_sensitive)

    def _source(self, where: str, source: Mapping[str, Json]) -> _Value:
        name, default = source.get("env", source.get("file")), source.get("default", "")
        if not isinstance(name, str) or not isinstance(default, str):
            raise Wrong(where, "env, file and default are texts")
        if "file" in source:
            return _Value(value=_content(where, self.folder / name), is_sensitive=True)
        found = self.environ.get(name)
        if found is None and "default" not in source:
            raise Wrong(where, f"the environment has no {name}")
        if found is not None and found != found.encode("utf-8", "replace").decode():
            raise Wrong(where, f"{name} of the environment is not UTF-8")
        return _Value(value=default if found is None else found, is_sensitive=found is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """What of a file can be used, and all that is wrong with it."""

    file: ConfigFile
    wrong: tuple[str, ...]


def read(path: Path, environ: Mapping[str, str]) -> ConfigFile:
    """Return the content of a file. Raises Failure for one that is missing or wrong."""
    examined = examine(path, environ)
    if examined.wrong:
        raise refusal(path, examined.wrong)
    return examined.file


def refusal(path: Path, wrong: Sequence[str]) -> Failure:
    """Return the failure that names all that is wrong with a file."""
    if len(wrong) == 1:
        detail = f"{path}: {wrong[0]}."
    else:
        lines = "".join(f"\n  {each}." for each in wrong)
        detail = f"{path} has {len(wrong)} errors:{lines}"
    return Failure(Exit.WRONG_FILE, "Wrong file", detail, errors=wrong)


def examine(path: Path, environ: Mapping[str, str]) -> Examined:
    """Return the content of a file, and what is wrong with it. Raises Failure without a file."""
    document = read_toml(path, wrong=Exit.WRONG_FILE)
    if document is None:
        raise Failure(
            Exit.USAGE,
            "No file",
            f"There is no {path}.",
            "Name another one with -f, or write one: wakecall pull --set NAME",
        )
    wrong: list[str] = []
    try:
        file = _read(path, document, environ, wrong)
    except RecursionError:
        raise Failure(
            Exit.WRONG_FILE, "Wrong file", f"{path}: its values are nested too deeply."
        ) from None
    return Examined(file=file, wrong=tuple(dict.fromkeys(wrong)))


@contextmanager
def _noting(wrong: list[str]) -> Iterator[None]:
    """Note an error and go on, so that all errors of a file are named at once."""
    try:
        yield
    except Wrong as error:
        wrong.append(f"{error}")


def _read(
    path: Path, document: Mapping[str, Json], environ: Mapping[str, str], wrong: list[str]
) -> ConfigFile:
    wrong += _check_top(document)
    plain = _Reader(folder=path.parent, environ=environ, variables={})
    variables: dict[str, _Value | Wrong] = {}
    for name, value in _table(document, "vars", wrong).items():
        try:
            variables[name] = _variable(f"vars.{name}", plain.resolve(f"vars.{name}", value))
        except Wrong as error:
            wrong.append(f"{error}")
            variables[name] = error
    reader = _Reader(folder=path.parent, environ=environ, variables=variables)
    defaults = _table(document, "defaults", wrong)
    wrong += _check_members("defaults", defaults)
    tag = f"{SET_TAG}{document.get('set')}"
    jobs = (
        _declared(reader, name, members, defaults, tag, wrong)
        for name, members in sorted(_table(document, "jobs", wrong).items())
    )
    return ConfigFile(
        path=path,
        set=f"{document.get('set')}",
        account=document.get("account"),
        url=document.get("url"),
        jobs=tuple(each for each in jobs if each is not None),
    )


def _check_top(document: Mapping[str, Json]) -> Iterator[str]:
    for name in document:
        if name in _ENDPOINTS:
            yield f"{name}: a file has jobs alone; set these with `wakecall {name[:-1]} set`"
        elif name not in _TOP:
            yield f"{name}: unknown; a file has {', '.join(sorted(_TOP))}"
    if document.get("version") != VERSION:
        yield f"version: write version = {VERSION} at the top"
    texts = {name: document.get(name, "") for name in ("set", "account", "url")}
    yield from (
        f"{name}: it is a text" for name, each in texts.items() if not isinstance(each, str)
    )
    if not texts["set"]:
        yield 'set: name the set of the jobs, as in set = "billing"'


def _table(document: Mapping[str, Json], name: str, wrong: list[str]) -> Mapping[str, Json]:
    found = document.get(name, {})
    if isinstance(found, dict):
        return found
    wrong.append(f"{name}: it is a table: [{name}]")
    return {}


def _variable(where: str, found: _Value) -> _Value:
    if isinstance(found.value, bool) or not isinstance(found.value, (str, int, float)):
        raise Wrong(where, "a variable is a text or a number")
    return found


def _declared(
    reader: _Reader,
    name: str,
    members: Json,
    defaults: Mapping[str, Json],
    tag: str,
    wrong: list[str],
) -> Declared | None:
    """Return a job with the members that can be read; None for what is not a job."""
    where = f"jobs.{name}"
    if not isinstance(members, dict):
        wrong.append(f"{where}: a job is a table")
        return None
    wrong += _check_members(where, members)
    merged = {**defaults, **members}
    wrong += [f"{where}: {each} is missing" for each in ("url", "cron") if each not in merged]
    found: dict[str, _Value] = {}
    for each, value in merged.items():
        if each in MEMBERS:
            with _noting(wrong):
                found[each] = reader.resolve(_place(name, each, members), value)
    document: dict[str, Json] = {each: value.value for each, value in found.items()}
    if isinstance(document.get("data"), bytes):
        document |= payload_of(document["data"])
    binary = list(_bytes_in(where, document))
    wrong += [f"{each}: the file is not text" for each in binary]
    tags = document.get("tags", [])
    if isinstance(tags, list):
        document["tags"] = [*tags, *([] if tag in tags else [tag])]
    else:
        wrong.append(f"{where}.tags: it is an array of texts")
        del document["tags"]
    sensitive = frozenset(each for each, value in found.items() if value.is_sensitive)
    own = frozenset(members)
    return None if binary else Declared(name=name, document=document, sensitive=sensitive, own=own)


def _place(job: str, member: str, own: Container[str]) -> str:
    return f"jobs.{job}.{member}" if member in own else f"defaults.{member}"


def _check_members(where: str, members: Mapping[str, Json]) -> Iterator[str]:
    for each in members:
        if each == "when":
            yield f"{where}.when: a file has recurring jobs alone; book this one"
        elif each not in MEMBERS:
            close = get_close_matches(each, MEMBERS, n=1)
            known = (
                f"write {close[0]}, if that is meant"
                if close
                else f"a job has {', '.join(MEMBERS)}"
            )
            yield f"{where}.{each}: unknown; {known}"


def _bytes_in(where: str, value: Json) -> Iterator[str]:
    if isinstance(value, bytes):
        yield where
    for name, each in value.items() if isinstance(value, dict) else ():
        yield from _bytes_in(f"{where}.{name}", each)


def _content(where: str, path: Path) -> str | bytes:
    """Return the content of a file: text, or bytes that are not UTF-8."""
    try:
        with path.open("rb") as file:
            found = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        # A name with a NUL is a ValueError.
        reason = getattr(error, "strerror", None) or f"{error}"
        raise Wrong(where, f"{path} cannot be read: {reason}") from None
    if len(found) > MAX_FILE_BYTES:
        raise Wrong(where, f"{path} has more than {MAX_FILE_BYTES // 1024} KiB")
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found


def path_of(folder: Path, given: str) -> Path:
    """Return the path of a file that is named relative to `folder`."""
    return Path(os.path.normpath(folder / given))

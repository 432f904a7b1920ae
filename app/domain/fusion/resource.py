"""Resource: the identity of a Fusion job, `<type>:<id>`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.checks import quoted
from app.errors import InvalidMember

MAX_ID: Final = 128

_ID: Final = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9_.@+~ -]*[A-Za-z0-9_.@+~-])?")
_FORM: Final = 'Write it as in "datasource:movie-db", "spark:daily-rollup" or "task:clean-up".'


class Kind(StrEnum):
    """The types of job: a runner does the first two; a task is an HTTP call."""

    DATASOURCE = "datasource"
    SPARK = "spark"
    TASK = "task"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One job of an account; its text is `<type>:<id>`."""

    kind: Kind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def parse(text: str, *, member: str = "resource") -> Resource:
    """The resource in a text whose escapes are decoded; raises InvalidMember for `member`."""
    written, colon, name = text.partition(":")
    if not colon:
        raise InvalidMember(
            member, f"{quoted(text)} has no type, because it has no colon.", remedy=_FORM
        )
    kind = read_kind(written, member=member)
    if len(name) > MAX_ID:
        raise InvalidMember(
            member,
            f"The id has {len(name)} characters.",
            remedy=f"Use at most {MAX_ID} characters.",
        )
    if not _ID.fullmatch(name):
        raise InvalidMember(
            member,
            f"{quoted(name)} is not a valid id."
            if name
            else f"{quoted(text)} has no id after its colon.",
            remedy="Use letters, digits, spaces and any of _ - . @ + ~; begin with a letter, a "
            f"digit, _ or -, and do not end with a space. {_FORM}",
        )
    return Resource(kind=kind, id=name)


def read_kind(text: str, *, member: str = "type") -> Kind:
    """The type of that name; raises InvalidMember for `member`."""
    try:
        return Kind(text)
    except ValueError:
        raise InvalidMember(
            member,
            f"{quoted(text)} is not a type of job.",
            remedy=f"The types are {', '.join(Kind)}, in lower case.",
        ) from None

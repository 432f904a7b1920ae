"""Forms: the values of a form, and an error of the service beside the field that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from flask import g
from sqlalchemy.exc import SQLAlchemyError

from app import errors
from app.api import problems

SHOWN: Final = (errors.Refused, errors.Unavailable, errors.Misconfigured, SQLAlchemyError)
"""The exceptions that a view catches to show its form again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """An error as a page shows it."""

    status: int
    title: str
    detail: str
    remedy: str = ""
    code: str = ""
    member: str = ""
    """The member of the document that is wrong."""
    field: str = ""
    """The field of the form that stands for this member; empty if there is none."""
    request_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """The values of a form's fields, and the problem for which it was refused."""

    values: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None

    def value(self, name: str) -> str:
        """Return the text of a field; empty if it has none."""
        return self.values.get(name, "")

    def fault(self, name: str) -> Problem | None:
        """Return the error of a field; None if the field is not the wrong one."""
        found = self.problem
        return found if found is not None and found.field == name else None


def problem_of(error: Exception, fields: Mapping[str, str] | None = None) -> Problem:
    """Return an error of the service as a page shows it; raises the error if it is a defect.

    `fields` maps members of the API's documents to fields of the form, by the longest name that
    fits: `trigger.cron` or `trigger`. A member that is not there is a field of its own name.
    """
    known = problems.translated(error)
    if known is None:
        raise error
    return problem_shown(known, fields)


def problem_shown(known: errors.WakecallError, fields: Mapping[str, str] | None = None) -> Problem:
    """Return an error of the error tree as a page shows it."""
    kind = problems.kind_of(known)
    member = getattr(known, "member", None) or ""
    return Problem(
        status=kind.status,
        title=kind.title,
        detail=known.message,
        remedy=getattr(known, "remedy", ""),
        code=known.code,
        member=member,
        field=_field(member, fields or {}),
        request_id=g.get("request_id", ""),
    )


def refused(
    error: Exception, values: Mapping[str, str], fields: Mapping[str, str] | None = None
) -> Form:
    """Return the form that was sent, with the error; raises the error if it is a defect."""
    return Form(values=dict(values), problem=problem_of(error, fields))


def _field(member: str, fields: Mapping[str, str]) -> str:
    name = member
    while name:
        if name in fields:
            return fields[name]
        name = name.rpartition(".")[0]
    # The first job of a bulk document is the one of the form: `[0].url`.
    inner = member.partition("].")[2] if member.startswith("[") else member
    return inner.partition(".")[0].partition("[")[0]

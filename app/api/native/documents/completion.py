"""Completion document: a receiver's report on a run that it has completed."""

from __future__ import annotations

from typing import Final

from app.api.native.codecs import reader
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import Choice, Object, Text
from app.domain.completion import MAX_MESSAGE, Completion, Result
from app.errors import InvalidMember

COMPLETION: Final = Object(
    root="completion",
    example=f'{{"status": "{Result.SUCCEEDED}"}}',
    members={"status": Choice(values=tuple(Result)), "message": Text(max_length=MAX_MESSAGE)},
    required=("status",),
)


def read(body: Body) -> Completion:
    """The completion in the body; raises MalformedDocument and InvalidMember."""
    members = reader.read(body, COMPLETION)
    message: str | None = members.get("message")
    # PostgreSQL's text cannot hold NUL.
    if message is not None and "\0" in message:
        raise InvalidMember(
            "message", "message contains the character U+0000.", remedy="Remove the character."
        )
    return Completion(result=Result(members["status"]), message=message or None)

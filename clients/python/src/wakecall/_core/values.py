"""Values: what the answer to each kind of request is read as."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from wakecall._core.answers import Answer, UnreadableAnswer, document_of
from wakecall.models import Job, Outcome, Put
from wakecall.models._reading import Model, read, read_all

M = TypeVar("M", bound=Model)

_CREATED = 201
_WITH_CONTENT = frozenset(range(200, 300)) - {204}


def one(model: type[M]) -> Callable[[Answer], M]:
    """Reads one document."""
    return lambda answer: read(model, document_of(answer))


def many(model: type[M]) -> Callable[[Answer], tuple[M, ...]]:
    """Reads an array of documents."""
    return lambda answer: read_all(model, document_of(answer))


def ids(answer: Answer) -> tuple[str, ...]:
    """Reads an array of texts."""
    found = document_of(answer)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise UnreadableAnswer("The answer is not a list of ids.")
    return tuple(found)


def nothing(answer: Answer) -> None:
    """Reads nothing: the status tells all. Raises UnreadableAnswer for a success that has a body.

    It is the page of a proxy in front of the service, which has deleted nothing.
    """
    if answer.status in _WITH_CONTENT:
        raise UnreadableAnswer(f"The answer {answer.status} is not a 204: {answer.excerpt}")


def whole(answer: Answer) -> Answer:
    """The answer as it came."""
    return answer


def put(answer: Answer) -> Put:
    """A job that was put by its name, and what was done for it."""
    return Put(job=one(Job)(answer), outcome=_outcome(answer))


def _outcome(answer: Answer) -> Outcome | None:
    match answer.headers.get("wakecall-outcome"):
        case "created" | "replaced" | "unchanged" as told:
            return told
        case _:
            return "created" if answer.status == _CREATED else None

"""Operations: what one route takes and answers, as the modules of each API describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app import errors
from app.api.openapi.schemas import Schema


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A parameter of the address or a header."""

    schema: Schema
    about: str
    example: Any = None
    required: bool = False
    """Parameters of the path are required in any case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A value that is sent or answered: JSON as Python has it, or the text of another format."""

    value: Any
    summary: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a body holds in one media type."""

    schema: Schema
    examples: Mapping[str, Example] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """The body of a request, in any of its media types."""

    content: Mapping[str, Content]
    required: bool = True
    about: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response that is not a problem."""

    status: int
    about: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    """Names of headers that it has besides those of all responses; `?` follows one it may lack."""

    links: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one route."""

    endpoint: str
    """The name of its view in Flask, which has its scope and the parameters that it takes."""

    method: str
    path: str
    id: str
    """Unique in the document: the method of the clients that calls it."""

    tag: str
    summary: str
    about: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """Of the path and of the query, by name; those of all operations may be left out."""

    headers: Mapping[str, Parameter] = field(default_factory=dict)
    body: Body | None = None
    answers: tuple[Answer, ...] = ()
    security: tuple[str, ...] = ()
    """Names of security schemes by which it can be asked for besides API keys."""

    problems: tuple[type[errors.WakecallError], ...] = ()
    """The errors that it gives besides those that follow from what it takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A group of operations."""

    name: str
    about: str

"""Refusals: the errors of the Dapr API as responses, with Dapr's codes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from app import errors
from app.api import negotiation, problems
from app.api.dapr import failures
from app.api.openapi import headers, problem_answers
from app.api.openapi.operations import Operation
from app.api.openapi.schemas import TEXT, Schema, always, answered, maybe, ref
from app.api.scopes import Need

NAME: Final = "DaprError"
SCHEMA: Final = answered(
    "An error in Dapr's form.",
    {
        "errorCode": always(TEXT, "The kind of error."),
        "message": always(TEXT, "What is wrong, and what to do."),
        "details": maybe(
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["@type", "domain", "metadata", "reason"],
                    "properties": {
                        "@type": TEXT,
                        "domain": TEXT,
                        "metadata": {"type": "object", "additionalProperties": TEXT},
                        "reason": TEXT,
                    },
                },
            },
            "The app and the namespace.",
        ),
    },
)
_UNAUTHENTICATED: Final = 401
# Not found, and a method that is not offered, are Dapr's own error of no route.
_INSTEAD: Final = {errors.NotFound, errors.MethodNotOffered, errors.NotAcceptable}


def responses_of(
    operation: Operation, need: Need | None, *, repeatable: bool, prefix: str
) -> dict[int, tuple[str, dict[str, Any]]]:
    """The responses to errors by status: the name of each, and what it holds."""
    del prefix
    codes: defaultdict[int, set[str]] = defaultdict(set)
    found = problem_answers.errors_of(operation, need, repeatable=repeatable) - _INSTEAD
    # A sidecar refuses requests to another host, whatever their method.
    for error in found | {errors.CrossSite}:
        codes[problems.KINDS[error].status].add(failures.code_of(error))
    for failure in (failures.NO_ROUTE, *_own(operation)):
        codes[failure.status].add(failure.code)
    return {status: _response(status, sorted(codes[status])) for status in sorted(codes)}


def _own(operation: Operation) -> tuple[failures.Failure, ...]:
    """Dapr's own errors of the operation."""
    if "{name}" not in operation.path:
        return failures.OF_SENDERS
    code = failures.code_of_method(operation.method)
    of_scheduler = tuple(failures.Failure(status=each, code=code) for each in (500, 503))
    if operation.method != "POST":
        return (*failures.OF_SENDERS, *of_scheduler)
    return (
        *failures.OF_SENDERS,
        *failures.OF_BODIES,
        *of_scheduler,
        failures.Failure(status=409, code=code),
    )


def _response(status: int, codes: list[str]) -> tuple[str, dict[str, Any]]:
    name = ".".join((str(status), *codes))
    if status == _UNAUTHENTICATED:
        schema: Schema = {"const": "invalid api token\n"}
        return name, {
            "description": "The request has no valid API key.",
            "headers": headers.of((*headers.OF_ALL, "WWW-Authenticate")),
            "content": {negotiation.TEXT: {"schema": schema}},
        }
    schema = {"allOf": [ref(NAME)], "properties": {"errorCode": {"enum": codes}}}
    return name, {
        "description": "\n".join(f"- `{each}`" for each in codes),
        "headers": headers.of((*headers.OF_ALL, "Retry-After?", "Accept-Encoding?")),
        "content": {negotiation.JSON: {"schema": schema}},
    }

"""Description: the native API as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from app.api.openapi import problem_answers
from app.api.openapi.assemble import Description
from app.api.openapi.native import (
    account,
    account_schemas,
    endpoints,
    job_schemas,
    jobs,
    run_schemas,
    runs,
    service,
    webhooks,
)
from app.api.openapi.operations import Tag
from app.api.openapi.schemas import Schema

VERSION: Final = "1"

_ABOUT: Final = """\
Book a callback: at its time, Wakecall POSTs the payload to your URL.

Documents are JSON or XML, as `Content-Type` and `Accept` tell. Without a preference the response
is text where text is offered, else JSON. `/schemas/job.xsd` describes jobs in XML; of all other
documents the XML has the members of the JSON as elements, and what is null in JSON has no element.

Every path that has GET also has HEAD, and every path has OPTIONS. Another method is answered 405,
with `Allow`. Query parameters that an operation does not list are refused. Errors are problem
documents (RFC 9457), also as XML or text.

A response may have members that this description does not name: later releases add some.\
"""

_MODULES: Final = (jobs, runs, account, endpoints, service)
OPERATIONS: Final = tuple(each for module in _MODULES for each in module.OPERATIONS)

_TAGS: Final = (
    jobs.TAG,
    runs.TAG,
    runs.UPCOMING_TAG,
    account.PREVIEW_TAG,
    account.TAG,
    endpoints.INBOXES_TAG,
    endpoints.APPS_TAG,
    endpoints.RUNNERS_TAG,
    service.TAG,
    Tag(name="callbacks", about="What Wakecall sends to receivers."),
)

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key. The names beside a scheme are the scopes that the key needs.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "An API key as the user name, or the account's name with the API key as the "
        "password.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key.",
    },
}
_COMPLETION_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "The `Wakecall-Completion-Token` of a call, for its run alone.",
}


def describe(prefix: str) -> Description:
    """The native API below this prefix. Needs an application context."""
    return Description(
        title="Wakecall",
        about=_ABOUT,
        version=VERSION,
        tags=_TAGS,
        operations=OPERATIONS,
        schemas=dict(_schemas()),
        security_schemes={**SECURITY_SCHEMES, runs.COMPLETION_TOKEN: _COMPLETION_TOKEN},
        webhooks=webhooks.webhooks(),
        prefix=prefix,
    )


def _schemas() -> Iterator[tuple[str, Schema]]:
    for module in (job_schemas, run_schemas, account_schemas, webhooks):
        yield from module.schemas().items()
    yield problem_answers.PROBLEM, problem_answers.SCHEMA

"""Assembly: makes an OpenAPI document of operations and of what their routes enforce."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from flask import current_app

from app.api import idempotency, parameters, scopes
from app.api.openapi import headers, problem_answers
from app.api.openapi.native.parameters import DEPTH, REPEATS
from app.api.openapi.operations import Answer, Body, Content, Example, Operation, Parameter, Tag
from app.api.openapi.schemas import Schema
from app.api.scopes import Need

OPENAPI: Final = "3.1.1"

_UNSAFE: Final = ("POST", "PUT", "DELETE")


class Refusals(Protocol):
    """Makes the responses of an operation to errors, in the form of one API."""

    def __call__(
        self, operation: Operation, need: Need | None, *, repeatable: bool, prefix: str
    ) -> dict[int, tuple[str, dict[str, Any]]]:
        """Return the responses by status: the name of each, and what it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What one document describes."""

    title: str
    about: str
    version: str
    tags: Sequence[Tag]
    operations: Sequence[Operation]
    schemas: Mapping[str, Schema]
    security_schemes: Mapping[str, Any]
    webhooks: Mapping[str, Any]
    prefix: str
    """What a proxy puts before all paths."""

    refusals: Refusals = problem_answers.responses_of
    """Makes the responses to errors."""

    keys: Sequence[str] = ("bearer", "basic", "apiKey")
    """The security schemes by which an API key is sent."""

    servers: Sequence[str] = ("",)
    """What stands before the paths of `operations`."""


def document(described: Description) -> dict[str, Any]:
    """The OpenAPI document. Needs an application context, whose routes are those described."""
    responses: dict[str, Any] = {}
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for each in described.operations:
        paths[each.path][each.method.lower()] = _operation(each, described, responses)
    found = {
        "openapi": OPENAPI,
        "info": {
            "title": described.title,
            "version": described.version,
            "description": described.about,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": f"{described.prefix}{each}" or "/"} for each in described.servers],
        "tags": [{"name": each.name, "description": each.about} for each in described.tags],
        "paths": dict(paths),
        "webhooks": dict(described.webhooks),
        "components": {
            "schemas": dict(described.schemas),
            "responses": dict(sorted(responses.items())),
            "headers": headers.components(),
            "securitySchemes": dict(described.security_schemes),
        },
    }
    return {name: value for name, value in found.items() if value}


def is_repeatable(operation: Operation) -> bool:
    """Whether an Idempotency-Key has an effect on the operation."""
    view = current_app.view_functions[operation.endpoint]
    is_natural = idempotency.is_naturally_idempotent(view)
    return operation.method == "POST" and not is_natural


def _operation(
    operation: Operation, described: Description, responses: dict[str, Any]
) -> dict[str, Any]:
    need = scopes.declared_need(operation.endpoint)
    repeatable = is_repeatable(operation)
    answers = {
        str(each.status): _answer(each, need, repeatable=repeatable) for each in operation.answers
    }
    refused = described.refusals(operation, need, repeatable=repeatable, prefix=described.prefix)
    for status, (name, response) in refused.items():
        responses.setdefault(name, response)
        if str(status) in answers:
            answers[str(status)]["content"] |= responses[name]["content"]
        else:
            answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    found = {
        "tags": [operation.tag],
        "operationId": operation.id,
        "summary": operation.summary,
        "description": " ".join(filter(None, (operation.about, _scope(need)))),
        "parameters": _parameters(operation, repeatable=repeatable),
        "requestBody": _body(operation.body),
        "responses": dict(sorted(answers.items())),
    }
    return {
        **{name: value for name, value in found.items() if value},
        **_security(operation, need, described.keys),
    }


def _scope(need: Need | None) -> str:
    return "No key is needed." if need is None else f"Needs a key with the scope `{need.scope}`."


def _security(operation: Operation, need: Need | None, keys: Sequence[str]) -> dict[str, Any]:
    if need is None:
        return {"security": []}
    of_keys = [{name: [str(need.scope)]} for name in keys]
    return {"security": [*of_keys, *({name: []} for name in operation.security)]}


def _parameters(operation: Operation, *, repeatable: bool) -> list[dict[str, Any]]:
    """Those of the path, those that the route takes, and headers."""
    taken = parameters.declared_parameters(operation.endpoint).names
    known = operation.parameters
    in_path = [name for name in known if f"{{{name}}}" in operation.path]
    differing = set(known) ^ {*in_path, *taken}
    if differing:
        raise ValueError(f"{operation.id} differs from its view: {', '.join(sorted(differing))}.")
    fields = dict(operation.headers)
    if repeatable:
        fields |= REPEATS
    if operation.method in _UNSAFE:
        fields |= DEPTH
    return [
        *(_parameter(name, "path", known[name]) for name in in_path),
        *(_parameter(name, "query", known[name]) for name in known if name in taken),
        *(_parameter(name, "header", each) for name, each in fields.items()),
    ]


def _parameter(name: str, place: str, parameter: Parameter) -> dict[str, Any]:
    found = {
        "name": name,
        "in": place,
        "description": parameter.about,
        "required": place == "path" or parameter.required,
        "schema": parameter.schema,
    }
    return found if parameter.example is None else {**found, "example": parameter.example}


def _body(body: Body | None) -> dict[str, Any] | None:
    if body is None:
        return None
    found = {"required": body.required, "content": _contents(body.content)}
    return {"description": body.about, **found} if body.about else found


def _answer(answer: Answer, need: Need | None, *, repeatable: bool) -> dict[str, Any]:
    names = headers.OF_ALL if repeatable else headers.OF_ALL[:-1]
    common = names if need is not None else headers.OF_ALL[:1]
    found = {
        "description": answer.about,
        "headers": headers.of((*common, *answer.headers)),
        "content": _contents(answer.content),
        "links": dict(answer.links),
    }
    return {name: value for name, value in found.items() if value}


def _contents(contents: Mapping[str, Content]) -> dict[str, Any]:
    return {media_type: _content(each) for media_type, each in contents.items()}


def _content(content: Content) -> dict[str, Any]:
    found: dict[str, Any] = {"schema": content.schema}
    if content.examples:
        found["examples"] = {name: _example(each) for name, each in content.examples.items()}
    return found


def _example(example: Example) -> dict[str, Any]:
    summary = {"summary": example.summary} if example.summary else {}
    return {**summary, "value": example.value}

"""The descriptions that an application gives, and what their schemas say of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import jsonschema_rs
from flask import Flask

Schema = Mapping[str, Any]


class Operation(NamedTuple):
    """An operation of a document."""

    path: str
    method: str
    members: Mapping[str, Any]

    @property
    def id(self) -> str:
        name: str = self.members["operationId"]
        return name


class Document:
    """An OpenAPI document."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.members = members
        self._validators: dict[int, jsonschema_rs.Draft202012Validator] = {}

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(
            Operation(path, method.upper(), members)
            for path, methods in self.members["paths"].items()
            for method, members in methods.items()
        )

    def resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The value, or what it refers to."""
        if "$ref" not in value:
            return value
        found: Any = self.members
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self.resolved(found)

    def errors(self, schema: Schema, value: Any) -> list[str]:
        """What the schema has against the value, a line each; members that it lacks included."""
        validator = self._validators.get(id(schema))
        if validator is None:
            whole = {"allOf": [_strict(schema)], "components": self._strict_components}
            validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            self._validators[id(schema)] = validator
        return [f"{list(each.instance_path)}: {each}" for each in validator.iter_errors(value)]

    @cached_property
    def _strict_components(self) -> Mapping[str, Any]:
        schemas = self.members["components"]["schemas"]
        return {"schemas": {name: _strict(each) for name, each in schemas.items()}}


def described_at(app: Flask, path: str) -> Document:
    """The description at this path, without its extension."""
    return Document(app.test_client().get(f"{path}.json").get_json())


def native(app: Flask) -> Document:
    return described_at(app, "/openapi")


def examples(document: Document) -> Iterator[tuple[str, str, Schema, Any]]:
    """Where each example is, its media type, its schema, and the example."""
    for path, methods in {
        **document.members["paths"],
        **document.members.get("webhooks", {}),
    }.items():
        for method, members in methods.items():
            where = f"{method} {path}"
            yield from _of_contents(f"{where} body", members.get("requestBody", {}))
            for status, answer in members["responses"].items():
                yield from _of_contents(f"{where} {status}", document.resolved(answer))
            for each in members.get("parameters", ()):
                if "example" in each:
                    yield f"{where} {each['name']}", "parameter", each["schema"], each["example"]


def _of_contents(where: str, holder: Mapping[str, Any]) -> Iterator[tuple[str, str, Schema, Any]]:
    for media_type, content in holder.get("content", {}).items():
        for name, each in content.get("examples", {}).items():
            yield f"{where} {media_type} {name}", media_type, content["schema"], each["value"]


def _strict(schema: Any) -> Any:
    """The schema, with no further members of objects: a client accepts them, a test does not."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: {key: _strict(each) for key, each in value.items()}
        if name == "properties"
        else _strict(value)
        for name, value in schema.items()
    }
    if "properties" in made and "additionalProperties" not in made:
        made["unevaluatedProperties" if "allOf" in made else "additionalProperties"] = False
    return made

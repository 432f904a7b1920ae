"""Schemas: JSON Schemas of what is sent and answered, made of the shapes by which codecs read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.api.native.codecs.schema import (
    Anything,
    Choice,
    Flag,
    Integer,
    List,
    Map,
    Number,
    Object,
    Repeatable,
    Scalar,
    Shape,
    Text,
)

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema (draft 2020-12), as OpenAPI 3.1 has it."""

TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
NUMBER: Final[Schema] = {"type": "number"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
UUID: Final[Schema] = {"type": "string", "format": "uuid"}

_ARRAYS_IN_XML: Final = {"wrapped": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member of an object that is answered."""

    schema: Schema
    about: str
    is_always_there: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What a shape does not have: the meaning of a member, and its bounds as JSON Schema."""

    about: str
    bounds: Schema


def ref(name: str) -> Schema:
    """The schema of that name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(values: Iterable[str]) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": [str(each) for each in values]}


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def array(items: Schema, *, name: str, item: str) -> Schema:
    """A list; in XML an element `name`, with an element `item` for each."""
    return {"type": "array", "items": _named(items, item), "xml": {"name": name, "wrapped": True}}


def always(schema: Schema, about: str) -> Member:
    """A member that every such object has."""
    return Member(schema=schema, about=about, is_always_there=True)


def maybe(schema: Schema, about: str) -> Member:
    """A member that an object may lack."""
    return Member(schema=schema, about=about, is_always_there=False)


def answered(about: str, members: Mapping[str, Member], *, element: str = "") -> Schema:
    """An object that is answered. Later releases may add members, which clients ignore."""
    schema: Schema = {
        "type": "object",
        "description": about,
        "required": [name for name, each in members.items() if each.is_always_there],
        "properties": {name: _described(each.schema, each.about) for name, each in members.items()},
    }
    return {**schema, "xml": {"name": element}} if element else schema


def note(about: str, **bounds: Any) -> Note:  # noqa: ANN401 - JSON Schema holds anything
    """The meaning of a member that is sent, and its bounds."""
    return Note(about=about, bounds=bounds)


def sent(about: str, shape: Object, notes: Mapping[str, Note], **further: Any) -> Schema:  # noqa: ANN401 - as `note`
    """An object that is sent, with the members of its shape; `notes` by their paths.

    Raises KeyError for a member without a note, and ValueError for a note without a member.
    """
    unused = dict(notes)
    schema = {"description": about, **_object(shape, unused, ""), **further}
    if unused:
        raise ValueError(f"There are no such members: {', '.join(unused)}.")
    return schema


def _object(shape: Object, notes: dict[str, Note], path: str) -> Schema:
    properties = {}
    for name, each in shape.members.items():
        found = notes.pop(f"{path}{name}")
        schema = {**_of_shape(each, notes, f"{path}{name}."), **found.bounds}
        properties[name] = {**schema, "description": found.about}
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if shape.required:
        schema["required"] = list(shape.required)
    return {**schema, "xml": {"name": shape.root}} if shape.root else schema


def _of_shape(shape: Shape, notes: dict[str, Note], path: str) -> Schema:
    match shape:
        case List(item=item, of=inner):
            items = {**_of_scalar(inner), **notes.pop(f"{path}[]").bounds}
            return {"type": "array", "items": _named(items, item), "xml": _ARRAYS_IN_XML}
        case Repeatable():
            items = {**TEXT, **notes.pop(f"{path}[]").bounds}
            return {"oneOf": [items, {"type": "array", "items": items, "minItems": 1}]}
        case Map():
            return {"type": "object", "additionalProperties": TEXT}
        case Object():
            return _object(shape, notes, path)
        case _:
            return _of_scalar(shape)


def _of_scalar(shape: Scalar | Flag | Anything) -> Schema:
    match shape:
        case Text(max_length=most):
            return TEXT if most is None else {**TEXT, "maxLength": most}
        case Choice(values=values):
            return one_of(values)
        case Number(whole=whole):
            return {"type": "integer"} if whole else NUMBER
        case Integer(minimum=least, maximum=most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case Flag():
            return FLAG
        case Anything():
            return {}


def _named(schema: Schema, element: str) -> Schema:
    """The schema of an array's items, with the name that each has in XML."""
    return schema if "$ref" in schema else {**schema, "xml": {"name": element}}


def _described(schema: Schema, about: str) -> Schema:
    return {**schema, "description": about}

"""The value that an XML document has by a schema: what the same document is in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lxml import etree

from tests.api.openapi.documents import Document, Schema


def read(document: Document, schema: Schema, text: bytes) -> Any:
    """The value of the document in `text`, to be judged by the schema."""
    return _value(document, schema, etree.fromstring(text))


def _value(document: Document, schema: Schema, element: etree._Element) -> Any:
    schema = document.resolved(schema)
    alternatives = () if "type" in schema else schema.get("anyOf", schema.get("oneOf", ()))
    for alternative in alternatives:
        value = _value(document, alternative, element)
        if not document.errors(alternative, value):
            return value
    for part in schema.get("allOf", ()):
        schema = document.resolved(part)
    kinds = schema.get("type", "string" if "const" not in schema else _kind(schema["const"]))
    kind = next(each for each in ([kinds] if isinstance(kinds, str) else kinds) if each != "null")
    if kind == "object":
        return _object(document, schema, element)
    if kind == "array":
        return [_value(document, schema["items"], each) for each in element]
    text = element.text or ""
    return text if kind == "string" else json.loads(text)


def _object(document: Document, schema: Schema, element: etree._Element) -> dict[str, Any]:
    members: Mapping[str, Schema] = schema.get("properties", {})
    if not members:
        # A map: the names are attributes of its elements.
        return {str(each.get("name")): each.text or "" for each in element}
    found = {
        name: _value(document, members.get(name, {}), each)
        for each in element
        for name in [etree.QName(each).localname]
    }
    # What is null in JSON has no element.
    nulls = {name: None for name, each in members.items() if "null" in each.get("type", ())}
    required = schema.get("required", ())
    return {**{name: None for name in nulls if name in required}, **found}


def _kind(value: object) -> str:
    return "boolean" if isinstance(value, bool) else "string"

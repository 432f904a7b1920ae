"""Watches an application: every response to an operation is as its description tells."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
import yaml
from flask import Flask, Response, request
from lxml import etree

from app.api import path_prefix
from app.api.auth import BOUND
from app.api.dapr.addresses import is_dapr_path
from app.api.openapi import assemble
from app.api.openapi.routes import DESCRIPTIONS
from tests.api.openapi import xml_values
from tests.api.openapi.documents import Document, Schema

MAX_CHECKED = 256 * 1024
"""Bytes of the longest body that is read: long lists of equal elements are for other tests."""

# Of HTTP itself, of caches and of browsers, which no description of an operation names.
OF_HTTP: Final = {
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "vary",
    "x-content-type-options",
}
_made: dict[str, _Described] = {}


class _Described:
    """The descriptions of one application, with the operation of each of its views."""

    def __init__(self, prefix: str) -> None:
        self.operations: dict[tuple[str, str], tuple[Document, Mapping[str, Any]]] = {}
        for describe in DESCRIPTIONS.values():
            described = describe(prefix)
            made = Document(orjson.loads(orjson.dumps(assemble.document(described))))
            for each in described.operations:
                members = made.members["paths"][each.path][each.method.lower()]
                self.operations[each.endpoint, each.method] = made, members


def watch(app: Flask, found: list[str]) -> None:
    """Add to `found` whatever a response of this application differs in from its description."""

    def judge(response: Response) -> Response:
        where = f"{request.method} {request.path} {response.status_code}"
        found.extend(f"{where}: {each}" for each in _differences(response))
        return response

    # The first one that is registered runs as the last one.
    app.after_request_funcs.setdefault(None, []).insert(0, judge)


def _differences(response: Response) -> Iterator[str]:
    prefix = path_prefix.add("")
    if prefix not in _made:
        _made[prefix] = _Described(prefix)
    described = _made[prefix]
    method = "GET" if request.method == "HEAD" else request.method
    known = described.operations.get((request.endpoint or "", method))
    # A sidecar answers what is not Dapr's as if there were nothing.
    if known is None or (BOUND in request.environ and not is_dapr_path(request.path)):
        return
    document, operation = known
    answer = operation["responses"].get(str(response.status_code))
    if answer is None:
        yield f"the status is not described; {response.get_data()[:300]!r}"
        return
    answer = document.resolved(answer)
    yield from _of_headers(response, answer.get("headers", {}), document)
    yield from _of_body(response, answer.get("content", {}), document)


def _of_headers(
    response: Response, described: Mapping[str, Any], document: Document
) -> Iterator[str]:
    by_name = {name.lower(): document.resolved(each) for name, each in described.items()}
    present = {name.lower(): value for name, value in response.headers}
    for name in set(present) - set(by_name) - OF_HTTP:
        yield f"the header {name} is not described"
    for name, each in by_name.items():
        if name not in present:
            if each.get("required"):
                yield f"the header {name} is missing"
            continue
        text = present[name]
        value = int(text) if each["schema"].get("type") == "integer" else text
        yield from document.errors(each["schema"], value)


def _of_body(response: Response, described: Mapping[str, Any], document: Document) -> Iterator[str]:
    if response.status_code in {204, 304}:
        if response.get_data():
            yield "it has a body"
        return
    content = described.get(response.mimetype or "")
    if content is None:
        yield f"the media type {response.mimetype} is not described"
        return
    # A response to HEAD has no body, and that of a long list is read from a file as it is sent.
    if request.method == "HEAD" or response.is_streamed or len(response.get_data()) > MAX_CHECKED:
        return
    errors = document.errors(content["schema"], _value(response, content["schema"], document))
    yield from errors


def _value(response: Response, schema: Schema, document: Document) -> Any:
    body, media_type = response.get_data(), response.mimetype or ""
    if response.content_encoding == "gzip":
        body = gzip.decompress(body)
    if media_type.endswith("yaml"):
        return yaml.load(body, yaml.CSafeLoader)
    if media_type.endswith("json"):
        return orjson.loads(body)
    if media_type.endswith("xml") and schema.get("type") != "string":
        return xml_values.read(document, schema, body)
    if media_type.endswith("xml"):
        etree.fromstring(body)
    return body.decode()

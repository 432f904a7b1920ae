"""Samples of the API reference: each one sends a request that the description allows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from flask import Flask

from app.api.openapi.assemble import document
from app.api.openapi.native import description
from app.docs_site import api_reference
from tests.api.openapi.documents import Document, Operation
from tests.clients.typescript import node
from wakecall import NO_RETRIES, Client, Unreachable

SAMPLES = api_reference.samples()
SENT = {
    operation: {name: sample.replace("…", "token") for name, sample in each.items()}
    for operation, each in SAMPLES.items()
}
"""The samples with something that a header can carry in the place of a token."""

BASE = "http://127.0.0.1:1"
OTHERS = {"jobs.book_by_address": "jobs.book", "inboxes.calls": "inboxes.get"}
"""Operations whose sample begins with another one."""

PROGRAM = """
import { Client } from "./dist/index.js";

const samples = JSON.parse(process.argv[1]);
const AsyncFunction = (async () => {}).constructor;
const found = {};
for (const [operation, sample] of Object.entries(samples)) {
  const fetch = async (url, { method, body }) => {
    found[operation] = [method, url, body];
    return new Response("{}", { status: 500 });
  };
  const client = new Client({ url: "http://127.0.0.1:1", key: "wk_key", fetch });
  await AsyncFunction("client", sample)(client).catch(() => {});
}
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def described(app: Flask) -> Document:
    with app.app_context():
        return Document(document(description.describe("")))


def operation_of(described: Document, method: str, path: str) -> Operation:
    """The operation of a request; one whose path has the fewest variables."""
    fitting = [
        each
        for each in described.operations
        if each.method == method
        and re.fullmatch(re.sub(r"\\\{[^}]*\}", "[^/]+", re.escape(each.path)), path)
    ]
    return min(fitting, key=lambda each: each.path.count("{"))


def wrong(described: Document, expected: str, method: str, url: str, body: str | None) -> list[str]:
    """What the description has against a request, which is one of the operation `expected`."""
    parts = urlsplit(url)
    found = operation_of(described, method, parts.path)
    if found.id not in {expected, OTHERS.get(expected)}:
        return [f"{found.id} is requested"]
    known = {each["name"] for each in found.members.get("parameters", ()) if each["in"] == "query"}
    odd = [f"{name} is not a parameter" for name, _ in parse_qsl(parts.query) if name not in known]
    content: Mapping[str, Any] = found.members.get("requestBody", {}).get("content", {})
    if body is None or "application/json" not in content:
        return odd
    return [*odd, *described.errors(content["application/json"]["schema"], json.loads(body))]


@pytest.mark.parametrize("operation", sorted(SAMPLES))
def test_a_sample_in_python_is_a_request_of_its_operation(
    described: Document, operation: str
) -> None:
    sent: list[httpx2.Request] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        raise httpx2.ConnectError("gone", request=request)

    http = httpx2.Client(transport=httpx2.MockTransport(refuse))
    with Client("wk_key", url=BASE, http=http, retries=NO_RETRIES) as client:
        with pytest.raises(Unreachable):
            exec(SENT[operation]["python"], {"client": client})
        (request,) = sent
        body = request.content.decode() or None
        assert wrong(described, operation, request.method, f"{request.url}", body) == []


@pytest.mark.skipif(node.find() is None, reason=node.LEFT_OUT)
def test_the_samples_in_typescript_are_requests_of_their_operations(described: Document) -> None:
    samples = {name: each["typescript"] for name, each in SENT.items()}
    done = node.run("--input-type=module", "-e", PROGRAM, json.dumps(samples))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    faults = {
        name: wrong(described, name, *found[name]) if name in found else ["nothing is sent"]
        for name in samples
    }
    assert {name: each for name, each in faults.items() if each} == {}

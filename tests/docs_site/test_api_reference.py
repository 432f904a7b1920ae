"""The API reference: every operation, and samples that the clients accept."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.openapi.assemble import document
from app.api.openapi.native import description
from app.docs_site import api_reference
from tests.clients.typescript import node
from tests.console.rules import check_page
from wakecall import Client
from wakecall.cli.main import main

SAMPLES = api_reference.samples()
WITHOUT = {"service", "callbacks"}
"""Tags whose operations the clients do not have."""


@pytest.fixture(scope="module")
def described(app: Flask) -> dict[str, Any]:
    with app.app_context():
        return document(description.describe(""))


def test_each_operation_has_samples_of_all_clients(described: dict[str, Any]) -> None:
    expected = {
        found["operationId"]
        for _, path, found in api_reference.operations(described)
        if path and not WITHOUT & set(found["tags"])
    }
    assert set(SAMPLES) == expected
    assert {tuple(sorted(each)) for each in SAMPLES.values()} == {("cli", "python", "typescript")}


def test_each_operation_is_on_a_page(client: FlaskClient, described: dict[str, Any]) -> None:
    pages: dict[str, str] = {}
    for method, path, found in api_reference.operations(described):
        tag = found["tags"][0]
        if tag not in pages:
            answer = client.get(f"/docs/reference/operations/{tag}")
            check_page(answer.data, most_bytes=400 * 1024)
            pages[tag] = answer.text
        if path:
            assert f"<code>{method} {path}</code>" in pages[tag]
    assert len(pages) > 8


def test_the_tabs_of_a_sample_work_without_script(client: FlaskClient) -> None:
    page = check_page(client.get("/docs/reference/operations/jobs").data, most_bytes=400 * 1024)
    tabs = page.xpath("//fieldset[contains(@class, 'code-tabs')]")[0]
    labels = [each.text_content() for each in tabs.xpath(".//label")]
    assert labels == ["curl", "Python", "TypeScript", "Command line"]
    assert len(tabs.xpath("./input[@type='radio'][@checked]")) == 1
    assert len(tabs.xpath("./div")) == 4


def calls(sample: str) -> Iterator[tuple[list[str], ast.Call]]:
    """The calls of `client` in a sample, with the names that lead to the method."""
    for found in ast.walk(ast.parse(sample)):
        if isinstance(found, ast.Call):
            names, at = list[str](), found.func
            while isinstance(at, ast.Attribute):
                names.insert(0, at.attr)
                at = at.value
            if isinstance(at, ast.Name) and at.id == "client":
                yield names, found


@pytest.mark.parametrize("operation", sorted(SAMPLES))
def test_the_client_has_the_methods_of_a_sample(operation: str) -> None:
    found = list(calls(SAMPLES[operation]["python"]))
    assert len(found) == 1
    with Client("wk_key", url="http://127.0.0.1:1") as client:
        for names, call in found:
            method: Any = client
            for name in names:
                method = getattr(method, name)
            keywords = {each.arg: None for each in call.keywords if each.arg}
            inspect.signature(method).bind(*[None] * len(call.args), **keywords)


@pytest.mark.parametrize("operation", sorted(SAMPLES))
def test_the_command_line_accepts_a_sample(operation: str) -> None:
    words = shlex.split(SAMPLES[operation]["cli"])
    assert words[0] == "wakecall"
    command: click.Command = main
    context = click.Context(command, info_name="wakecall")
    rest = words[1:]
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, rest)
        assert name is not None
        assert found is not None
        context, command = click.Context(found, info_name=name, parent=context), found
    command.parse_args(context, rest)


@pytest.mark.skipif(node.find() is None, reason=node.LEFT_OUT)
def test_the_typescript_client_has_the_methods_of_the_samples() -> None:
    names = {
        re.findall(r"client((?:\.\w+)+)\(", each["typescript"])[0] for each in SAMPLES.values()
    }
    program = f"""
import {{ Client }} from "./dist/index.js";
const client = new Client({{ url: "http://127.0.0.1:1", key: "wk_key" }});
for (const name of {sorted(names)}) {{
  const found = name.slice(1).split(".").reduce((at, part) => at?.[part], client);
  if (typeof found !== "function") console.log(name);
}}
"""
    done = node.run("--input-type=module", "-e", program)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr

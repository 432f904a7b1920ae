"""The descriptions of all APIs: each is valid, complete, and true of its own examples."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml
from flask import Flask
from lxml import etree
from openapi_spec_validator import validate

from app import config, create_app
from app.api.native.documents import job as job_document
from app.api.openapi.routes import DESCRIPTIONS
from tests.api.openapi import xml_values
from tests.api.openapi.documents import Document, described_at, examples
from tests.api.routes import rules

XSD = Path(job_document.__file__).with_name("job.xsd")
PAGES = re.compile(r"/docs|/llms|/in/")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application that is asked what it offers, and never asked to do it."""
    home = tmp_path_factory.mktemp("home")
    return create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": str(home)}))


@pytest.fixture(scope="module", params=DESCRIPTIONS)
def document(app: Flask, request: pytest.FixtureRequest) -> Document:
    return described_at(app, request.param)


def test_it_is_valid(document: Document) -> None:
    validate(dict(document.members))


def offered(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in rules(app):
        path = rule.rule.replace("<booking_path:_booking_path>", "<schedule>/<callback>")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if not PAGES.match(path):
                yield method, re.sub(r"<[^>]*>", "{}", path)


def described(document: Document) -> Iterator[tuple[str, str]]:
    for each in document.operations:
        for server in document.members["servers"]:
            path = server["url"].rstrip("/") + each.path
            yield each.method, re.sub(r"\{\w+\}", "{}", path)


def test_the_operations_are_the_routes_that_there_are(app: Flask) -> None:
    documents = [described_at(app, path) for path in DESCRIPTIONS]
    operations = list(chain.from_iterable(map(described, documents)))

    assert len(set(operations)) == len(operations)
    assert sorted(operations) == sorted(set(offered(app)))


def test_each_operation_names_the_view_of_its_path(app: Flask) -> None:
    by_endpoint = {(rule.endpoint, method) for rule in rules(app) for method in rule.methods or ()}
    with app.app_context():
        named = [each for describe in DESCRIPTIONS.values() for each in describe("").operations]

    assert [each.id for each in named if (each.endpoint, each.method) not in by_endpoint] == []


def test_operations_have_ids_and_tags_of_their_own(document: Document) -> None:
    ids = [each.id for each in document.operations]
    tags = {each["name"] for each in document.members["tags"]}

    assert len(set(ids)) == len(ids)
    assert {tag for each in document.operations for tag in each.members["tags"]} <= tags


def test_every_example_is_valid(document: Document) -> None:
    of_jobs = etree.XMLSchema(etree.parse(XSD))
    count = 0
    for where, media_type, of, value in examples(document):
        if media_type.endswith("xml"):
            judged = xml_values.read(document, of, value.encode())
            if etree.fromstring(value).tag in {"job", "jobs"}:
                of_jobs.assertValid(etree.fromstring(value))
        else:
            judged = value
        assert document.errors(of, judged) == [], where
        count += 1
    assert count > 10


@pytest.mark.parametrize("of", DESCRIPTIONS)
def test_yaml_and_json_are_equal_and_kept_by_caches(app: Flask, of: str) -> None:
    client = app.test_client()
    members = described_at(app, of).members
    for extension, media_type in (("json", "application/json"), ("yaml", "application/yaml")):
        path = f"{of}.{extension}"
        plain = client.get(path)
        assert (plain.status_code, plain.content_type) == (200, media_type)
        assert plain.headers["Cache-Control"] == "public, max-age=3600"
        assert yaml.load(plain.data, yaml.CSafeLoader) == members

        packed = client.get(path, headers={"Accept-Encoding": "br, gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding, Accept"
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert gzip.decompress(packed.data) == plain.data

        again = client.get(path, headers={"If-None-Match": plain.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == plain.headers["ETag"]

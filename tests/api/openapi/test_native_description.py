"""The description of the native API: it is valid, complete, and true of its own examples."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from flask import Flask
from lxml import etree
from openapi_spec_validator import validate

from app import config, create_app
from app.api import problems
from app.api.native.documents import job as job_document
from app.api.openapi.native import description
from app.delivery.request import Delivery, build
from app.domain.secret import new_secret
from tests.api.openapi import xml_values
from tests.api.openapi.documents import Document, examples, native
from tests.api.routes import rules

# The routes of other APIs, and of pages, are described elsewhere.
XSD = Path(job_document.__file__).with_name("job.xsd")
ELSEWHERE = re.compile(r"/v1\.0|/api/")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application that is asked what it offers, and never asked to do it."""
    home = tmp_path_factory.mktemp("home")
    return create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": str(home)}))


@pytest.fixture(scope="module")
def document(app: Flask) -> Document:
    return native(app)


def test_it_is_valid(document: Document) -> None:
    validate(dict(document.members))


def offered(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in rules(app):
        if not ELSEWHERE.match(rule.rule):
            path = rule.rule.replace("<booking_path:_booking_path>", "<schedule>/<callback>")
            path = re.sub(r"<[^>]*>", "{}", path)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield method, path


def test_its_operations_are_the_routes_that_there_are(app: Flask, document: Document) -> None:
    described = [(each.method, re.sub(r"\{\w+\}", "{}", each.path)) for each in document.operations]

    assert sorted(described) == sorted(set(offered(app)))


def test_each_operation_belongs_to_the_route_of_its_path(app: Flask) -> None:
    by_endpoint = {(rule.endpoint, method) for rule in rules(app) for method in rule.methods or ()}
    for each in description.OPERATIONS:
        assert (each.endpoint, each.method) in by_endpoint


def test_operations_have_ids_and_tags_of_their_own(document: Document) -> None:
    ids = [each.id for each in document.operations]
    tags = {each["name"] for each in document.members["tags"]}

    assert len(set(ids)) == len(ids)
    assert {tag for each in document.operations for tag in each.members["tags"]} < tags


def test_every_kind_of_problem_is_described(document: Document) -> None:
    described = {
        code
        for answer in document.members["components"]["responses"]
        for code in answer.split(".")[1:]
    }

    # A role is that of a user of the console, and a method is not offered by a path.
    assert set(problems.BY_CODE) - described == {"insufficient-role", "method-not-offered"}


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
    assert count > 300


def test_the_members_of_a_job_are_those_that_its_reader_takes(document: Document) -> None:
    schemas = document.members["components"]["schemas"]

    assert list(schemas["NewJob"]["properties"]) == list(job_document.JOB.members)
    assert list(schemas["Job"]["properties"]) == list(job_document.SHOWN.members)


def test_the_headers_of_a_webhook_are_those_that_are_sent(document: Document) -> None:
    nil = UUID(int=0)
    for name, is_event in (("callback", False), ("event", True)):
        call = build(
            Delivery(
                run_id=nil,
                job_id=nil,
                url="https://example.com",
                content_type="text/plain",
                signature=None if is_event else "x",
                data=b"x",
                due_at=datetime.now(UTC),
                attempt=1,
                missed=0 if is_event else 1,
                completion_token=None if is_event else "x",
                app_token=None if is_event else "x",
                is_event=is_event,
            ),
            [new_secret()],
            0,
        )
        sent = {line.partition(":")[0] for line in call.headers} - {"Content-Type"}
        described = document.members["webhooks"][name]["post"]["parameters"]
        assert {each["name"] for each in described} == sent


def test_yaml_and_json_are_equal_and_kept_by_caches(app: Flask, document: Document) -> None:
    client = app.test_client()
    for path, media_type in (
        ("/openapi.json", "application/json"),
        ("/openapi.yaml", "application/yaml"),
    ):
        plain = client.get(path)
        assert (plain.status_code, plain.content_type) == (200, media_type)
        assert plain.headers["Cache-Control"] == "public, max-age=3600"
        assert yaml.load(plain.data, yaml.CSafeLoader) == document.members

        packed = client.get(path, headers={"Accept-Encoding": "br, gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding, Accept"
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert gzip.decompress(packed.data) == plain.data

        again = client.get(path, headers={"If-None-Match": plain.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == plain.headers["ETag"]


def test_below_a_prefix_problems_and_the_server_have_it(tmp_path: Path) -> None:
    below = create_app(
        config.load(
            {
                "DATABASE_URL": "postgresql:///no",
                "WAKECALL_HOME": str(tmp_path),
                "WAKECALL_PATH_PREFIX": "/w",
            }
        )
    )
    members = native(below).members
    problem = members["components"]["responses"]["404.not-found"]["content"]

    assert members["servers"] == [{"url": "/w"}]
    assert problem["application/problem+json"]["schema"]["properties"]["type"] == {
        "enum": ["/w/problems/not-found"]
    }

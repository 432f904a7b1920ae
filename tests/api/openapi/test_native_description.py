"""The description of the native API: it is valid, complete, and true of its own examples."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask

from app import config, create_app
from app.api import problems
from app.api.native.documents import job as job_document
from app.delivery.request import Delivery, build
from app.domain.secret import new_secret
from tests.api.openapi.documents import Document, native

# The routes of other APIs, and of pages, are described elsewhere.
XSD = Path(job_document.__file__).with_name("job.xsd")
ELSEWHERE = re.compile(r"/v1\.0|/api/|/docs|/llms")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application that is asked what it offers, and never asked to do it."""
    home = tmp_path_factory.mktemp("home")
    return create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": str(home)}))


@pytest.fixture(scope="module")
def document(app: Flask) -> Document:
    return native(app)


def test_every_kind_of_problem_is_described(document: Document) -> None:
    described = {
        code
        for answer in document.members["components"]["responses"]
        for code in answer.split(".")[1:]
    }

    # A role is that of a user of the console.
    assert set(problems.BY_CODE) - described == {"insufficient-role"}


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

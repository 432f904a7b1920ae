"""Tests of wakecall.models: they have the members that the service describes, no more, no fewer."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.api.native.documents.job import JOB
from wakecall import NewJob, models
from wakecall._core.requests import camel
from wakecall.models._reading import Model, _members

SCHEMAS: dict[type[Model], str] = {
    models.Account: "Account",
    models.Accuracy: "Accuracy",
    models.ApiKey: "Key",
    models.App: "App",
    models.Attempt: "Attempt",
    models.AuditEntry: "AuditEntries/*",
    models.Backoff: "Job/retry/backoff",
    models.Destination: "Destinations/destinations/*",
    models.Destinations: "Destinations",
    models.FailingJob: "Failures/jobs/*",
    models.Failures: "Failures",
    models.Firing: "Upcoming/*",
    models.FiringCount: "FiringLoad/hours/*",
    models.FiringLoad: "FiringLoad",
    models.Inbox: "Inbox",
    models.InboxCall: "InboxCall",
    models.Job: "Job",
    models.OwnKey: "Account/key",
    models.Lateness: "Accuracy/hour",
    models.Preview: "Preview",
    models.PreviewedFiring: "Preview/next/*",
    models.Redelivery: "Redelivery",
    models.RetryPolicy: "Job/retry",
    models.Run: "Run",
    models.RunCount: "RunCounts/*",
    models.Runner: "Runner",
    models.Secret: "Secret",
    models.Timing: "Attempt/timing",
}


def find(described: dict[str, Any], where: str) -> dict[str, Any]:
    """The schema at a path of members, where `*` is the element of an array."""
    schemas = described["components"]["schemas"]
    name, *steps = where.split("/")
    found = schemas[name]
    for step in steps:
        found = found["items"] if step == "*" else found["properties"][step]
        while "$ref" in found:
            found = schemas[found["$ref"].rpartition("/")[2]]
    return dict(found)


@pytest.fixture(scope="module")
def described(service: Flask) -> dict[str, Any]:
    """The description of the API."""
    return dict(service.test_client().get("/openapi.json").get_json())


@pytest.mark.parametrize(("model", "where"), SCHEMAS.items(), ids=SCHEMAS.values())
def test_a_model_has_the_members_of_its_schema(
    model: type[Model], where: str, described: dict[str, Any]
) -> None:
    schema = find(described, where)
    members = _members(model)
    assert {name for member in members for name in member.names} == set(schema["properties"])
    required = {member.names[0] for member in members if member.is_required}
    assert required <= set(schema.get("required", ()))


def test_every_model_is_compared() -> None:
    exported = {getattr(models, name) for name in models.__all__}
    read = {each for each in exported if isinstance(each, type) and issubclass(each, Model)}
    # The limits of an account have names; a limit has these two members.
    assert read - {models.Limit} == set(SCHEMAS)


def test_a_new_job_has_the_members_that_a_booking_may_have() -> None:
    members = {camel(name) for name in NewJob.__dataclass_fields__}
    assert members - {"after", "json"} == set(JOB.members) - {
        "id",
        "account",
        "next",
        "dataEncoding",
    }

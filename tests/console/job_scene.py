"""Scene: jobs of every dialect and their runs, as the pages of jobs show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from lxml.html import HtmlElement
from uuid6 import uuid7

from app.api.context import context_of
from app.api.native.documents import job as job_document
from app.console import booking_form
from app.domain.account import Caller
from app.domain.job import Job
from app.domain.run import RunState
from app.domain.scope import Scope
from app.service import jobs, keys
from app.service.context import Context
from tests.console.people import SignedIn
from tests.console.rules import check_page

OFTEN = {"url": "https://example.com/wake", "cron": "0 15 10 ? * MON-FRI"}
HOSTILE = "<script>alert(1)</script>\"'&"


def context(person: SignedIn) -> Context:
    return context_of(person.app)


def caller_of(person: SignedIn) -> Caller:
    """The person as a caller of the use cases."""
    return Caller(account=person.account, key_id="", now=datetime.now(UTC), scope=Scope.ADMIN)


def book(person: SignedIn, **members: Any) -> UUID:
    """A job of the person's account; its id."""
    given = {**OFTEN, **members}
    if "when" in members:
        del given["cron"]
    booking = job_document.to_booking(booking_form.read(given))
    return jobs.create(context(person), caller_of(person), booking).id


def get(person: SignedIn, job_id: UUID) -> Job:
    return jobs.get(context(person), caller_of(person), job_id)


def book_by_dapr(person: SignedIn, name: str, **members: Any) -> UUID:
    """A job of the Dapr app `app`; its id."""
    key = keys.create(context(person), person.account.name, name)
    client = person.app.test_client()
    headers = {"Authorization": f"Bearer {key}"}
    app = {"url": "http://127.0.0.1:6200"}
    assert client.put("/1/dapr-apps/app", json=app, headers=headers).status_code in {200, 201}
    sent = {"schedule": "@every 1h", **members}
    assert client.post(f"/v1.0/jobs/{name}", json=sent, headers=headers).status_code == 204
    found = client.get(f"/1/jobs?view=full&dialect=dapr&namePrefix={name}", headers=headers)
    return UUID(found.get_json()[0]["id"])


def add_run(
    connection: psycopg.Connection,
    person: SignedIn,
    job_id: UUID,
    state: RunState = RunState.SUCCEEDED,
    *,
    hours_ago: float = 1.0,
) -> UUID:
    """A run of the job that is over."""
    run_id = UUID(int=uuid7().int)
    due_at = datetime.now(UTC) - timedelta(hours=hours_ago)
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, settled_at) VALUES (%s, %s, %s, 1, 'scheduled', %s, 0, %s, 1, %s)",
        (run_id, job_id, person.account.id, due_at, state, due_at),
    )
    return run_id


def text(element: HtmlElement) -> str:
    """The texts of an element with one space between two of them."""
    return " ".join(" ".join(element.itertext()).split())


def at(page: str, element_id: str) -> HtmlElement:
    """An element of a page that keeps the rules."""
    found: HtmlElement = check_page(page).get_element_by_id(element_id)
    return found

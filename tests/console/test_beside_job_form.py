"""What stands beside the form of a job: its document, its command, the result of its test call."""

from __future__ import annotations

from uuid import UUID

import psycopg

from tests.console.job_scene import book
from tests.console.people import SignedIn, csrf_token
from tests.console.test_job_form import NEW, fields_of


def test_what_is_beside_the_form_follows_it(signed_in: SignedIn) -> None:
    sent = fields_of(signed_in.get(NEW)) | {
        "how": "cron",
        "cron": "0 30 2 * * ?",
        "timezone": "America/New_York",
        "url": "https://example.com/",
        "headers": "Authorization: Bearer s3cret",
    }
    answer = signed_in.post(f"{NEW}/shown", sent)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "every day at 02:30, America/New_York" in answer.text
    assert "02:30 does not exist and is skipped" in answer.text
    assert "the minimum is 10 minutes" in answer.text
    assert "&#34;cron&#34;: &#34;0 30 2 * * ?&#34;" in answer.text
    refused = signed_in.post(f"{NEW}/shown", {**sent, "cron": "0 0/5 * * * ?", "headers": "x"})
    assert "fires again after 300 seconds" in refused.text
    assert "The headers are not valid" in refused.text
    wrong = signed_in.post(f"{NEW}/shown", {**sent, "cron": "bad"})
    assert "has 1 field; one of crontab has five, and one of Quartz six or seven" in wrong.text


def test_the_end_of_the_session_leaves_the_form_on_the_page(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    token = csrf_token(signed_in.client, NEW)
    connection.execute("DELETE FROM web_session")
    asked = {"HX-Request": "true"}
    beside = signed_in.client.post(f"{NEW}/shown", data={"csrf_token": token}, headers=asked)
    result = signed_in.client.get(f"/console/jobs/{UUID(int=1)}/result", headers=asked)
    for answer in (beside, result):
        assert (answer.status_code, answer.headers.get("HX-Redirect")) == (401, None)
        assert "Your session has ended" in answer.text
        assert "every 1s" not in answer.text
    # By itself, the result is a page to which the person comes back.
    whole = signed_in.client.get(f"/console/jobs/{UUID(int=1)}/result")
    assert whole.headers["Location"].startswith("/console/login?next=")


def test_the_command_beside_the_form_of_a_job_changes_that_job(signed_in: SignedIn) -> None:
    job_id = book(signed_in)
    page = signed_in.get(f"/console/jobs/{job_id}/edit")
    sent = fields_of(page) | {"data": "new"}
    edited = signed_in.post(f"{NEW}/shown", sent).text
    for shown in (page, edited):
        assert f"curl -X PUT http://localhost/1/jobs/{job_id} " in shown
        assert "urllib" not in shown
    for fresh in (signed_in.get(NEW), signed_in.post(f"{NEW}/shown", {**sent, "job": "x"}).text):
        assert "curl -X POST http://localhost/1/jobs " in fresh
        assert "urllib" in fresh

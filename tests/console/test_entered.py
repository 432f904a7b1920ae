"""What was entered in a form that was not accepted, because of a session or a token that ended."""

from __future__ import annotations

import psycopg
from flask.testing import FlaskClient

from tests.console.people import SignedIn, browser_of, csrf_token, post
from tests.console.rules import check_page
from tests.factories import one

NEW = "/console/jobs/new"
SECRET = "s3cret-of-the-form"
FORM = {
    "url": "https://example.com/wake",
    "data": "<b>a long payload</b>",
    "headers": f"Authorization: Bearer {SECRET}",
    "signature": SECRET,
    "password": SECRET,
    "do": "book",
}


def shown(html: str) -> list[str]:
    assert SECRET not in html
    return [each.text for each in check_page(html).xpath("//main//pre")]


def end_sessions(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM web_session")


def test_a_form_whose_session_has_ended_comes_back_as_texts(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    token = csrf_token(signed_in.client, NEW)
    end_sessions(connection)

    answer = signed_in.client.post(NEW, data={**FORM, "csrf_token": token})

    assert answer.status_code == 401
    assert shown(answer.text) == [FORM["url"], FORM["data"]]
    links = check_page(answer.text).xpath("//main//a/@href")
    assert links == ["/console/login?next=/console/jobs/new"]
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_form_without_a_page_at_its_address_leads_to_the_sign_in(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    token = csrf_token(signed_in.client, NEW)
    end_sessions(connection)

    kept = signed_in.client.post(f"{NEW}/paste", data={"name": "a", "csrf_token": token})
    bare = signed_in.client.post("/console/keys", data={"csrf_token": token})

    assert check_page(kept.text).xpath("//main//a/@href") == ["/console/login"]
    assert (bare.status_code, bare.headers["Location"]) == (303, "/console/login")


def test_a_form_with_a_stale_token_comes_back_as_texts_to_its_sender_alone(
    signed_in: SignedIn,
) -> None:
    stale = csrf_token(browser_of(signed_in.app))

    answer = signed_in.client.post(NEW, data={**FORM, "csrf_token": stale})

    assert answer.status_code == 403
    assert shown(answer.text) == [FORM["url"], FORM["data"]]
    assert "a long payload" not in signed_in.get(NEW)


def test_other_errors_show_nothing_of_the_form(signed_in: SignedIn) -> None:
    client: FlaskClient = signed_in.client

    answer = post(client, "/console/absent", FORM, page="/console/accounts")

    assert answer.status_code == 404
    assert shown(answer.text) == []

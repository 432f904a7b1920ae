"""Secret pages: secrets are masked, rotated, and check the signatures of calls."""

from __future__ import annotations

import pytest
from flask import Flask

from app.api.context import context_of
from app.delivery.signing import sign
from app.service import accounts
from tests.console.owners import EVIL, audited, owner
from tests.console.people import PASSWORD, SignedIn
from tests.console.rules import check_page
from tests.factories import connect

__all__ = ["owner"]


def test_secrets_are_masked_until_the_password_is_typed(
    app: Flask, owner: SignedIn, database: str
) -> None:
    (secret,) = accounts.list_secrets(context_of(app), "acme")
    with connect(database) as connection:
        connection.execute("UPDATE web_session SET proved_at = NULL")
    assert secret.value not in owner.get("/console/secrets")
    answer = owner.post("/console/secrets/show", {"password": "wrong"})
    assert answer.status_code == 400
    assert secret.value not in answer.text
    assert owner.post("/console/secrets/show", {"password": PASSWORD}).status_code == 303
    page = owner.get("/console/secrets")
    check_page(page)
    assert secret.value in page.replace("&#43;", "+")
    assert audited(database, "secret.show") == (owner.email, "127.0.0.1", "acme")

    with connect(database) as connection:
        connection.execute("UPDATE web_session SET proved_at = proved_at - interval '11 minutes'")
    assert secret.value not in owner.get("/console/secrets")


def test_a_rotation_leaves_the_older_secret_for_the_time_chosen(
    app: Flask, owner: SignedIn
) -> None:
    assert owner.post("/console/secrets/rotate", {"overlap": "5"}).status_code == 400
    assert owner.post("/console/secrets/rotate", {"overlap": "3600"}).status_code == 303
    assert len(accounts.list_secrets(context_of(app), "acme")) == 2
    assert owner.post("/console/secrets/rotate", {"overlap": "0"}).status_code == 303
    assert len(accounts.list_secrets(context_of(app), "acme")) == 1


@pytest.mark.parametrize("body", ["", "\n", "one\r\ntwo\r\n", "one\ntwo"])
def test_the_line_ends_of_a_checked_body_are_those_of_the_call(
    app: Flask, owner: SignedIn, body: str
) -> None:
    (secret,) = accounts.list_secrets(context_of(app), "acme")
    stamp = 1_700_000_000
    signed = sign([secret.value], message_id="m", timestamp=stamp, body=body.encode())
    form = {"webhook-id": "m", "webhook-timestamp": str(stamp), "webhook-signature": signed}
    sent = body.replace("\r\n", "\n").replace("\n", "\r\n")
    answer = owner.post("/console/secrets/verify", {**form, "body": sent})
    assert "Signed with one" in answer.text
    kept = check_page(answer.data).get_element_by_id("field-body").text or ""
    assert kept.removeprefix("\n").replace("\r\n", "\n") == body.replace("\r\n", "\n")


def test_a_call_is_checked(app: Flask, owner: SignedIn) -> None:
    (secret,) = accounts.list_secrets(context_of(app), "acme")
    signed = sign([secret.value], message_id="msg_1", timestamp=1_700_000_000, body=b"one\ntwo")
    form = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": signed,
        "body": "one\r\ntwo",
    }
    assert "Signed with one" in owner.post("/console/secrets/verify", form).text
    assert "Not signed" in owner.post("/console/secrets/verify", {**form, "body": "x"}).text
    for broken in ({"webhook-timestamp": "9" * 30}, {"webhook-timestamp": "-"}, {"body": EVIL}):
        answer = owner.post("/console/secrets/verify", {**form, **broken})
        check_page(answer.data)
        assert "Not signed" in answer.text
    assert "no webhook-signature" in owner.post("/console/secrets/verify", {}).text

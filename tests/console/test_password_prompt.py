"""Password prompt: nothing that outlasts a session is made without the password."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from flask import Flask

from app.api.context import context_of
from app.domain.role import Role
from app.service import accounts
from tests.console.people import PASSWORD, SignedIn, signed_in_as
from tests.console.rules import check_page
from tests.factories import one

INVITATION = {"email": "", "role": "owner", "expiry": "7", "note": "<b>"}
KEY = {"label": "", "scope": "admin", "app": "", "expiry": ""}


@pytest.fixture
def owner(app: Flask, connection: psycopg.Connection) -> SignedIn:
    """An owner whose password was typed long ago."""
    with app.app_context():
        accounts.create(context_of(app), "acme")
    found = signed_in_as(app, "ada@example.com", "acme")
    connection.execute("UPDATE web_session SET proved_at = proved_at - interval '11 minutes'")
    return found


def made(connection: psycopg.Connection) -> tuple[Any, ...]:
    """How many links, invitations, keys and owners there are."""
    tables = ("user_link", "invitation", "api_key", "membership WHERE role = 'owner'")
    return tuple(one(connection, f"SELECT count(*) FROM {each}") for each in tables)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/console/members/{self}/reset", {}),
        ("/console/members/{other}/reset", {}),
        ("/console/members/invitations", INVITATION),
        ("/console/members/{other}/role", {"role": "owner"}),
        ("/console/keys", KEY),
    ],
)
def test_what_outlasts_the_session_needs_the_password(
    owner: SignedIn, connection: psycopg.Connection, path: str, form: dict[str, str]
) -> None:
    member = owner.with_role(Role.MEMBER)
    path = path.format(self=owner.user_id, other=member.user_id)
    before = made(connection)

    asked = owner.post(path, form)
    assert asked.status_code == 403
    page = check_page(asked.text)
    (sent,) = page.xpath("//form[.//input[@name='password']]")
    assert sent.get("action") == path
    fields = {each.name: each.value for each in sent.xpath(".//input[@type='hidden']")}
    assert {name: fields[name] for name in form} == form
    wrong = owner.post(path, {**form, "password": "wrong horse battery"})
    assert wrong.status_code == 400
    assert check_page(wrong.text).xpath("//*[@id='fault-password']")
    assert made(connection) == before

    assert owner.post(path, {**form, "password": PASSWORD}).status_code == 303
    assert made(connection) != before
    # It is not asked for again.
    assert owner.post("/console/keys", KEY).status_code == 303


def test_what_ends_with_the_session_or_gives_less_does_not(owner: SignedIn) -> None:
    for path, form in (
        ("/console/members/invitations", {**INVITATION, "role": "member"}),
        ("/console/keys", {**KEY, "scope": "book"}),
    ):
        assert owner.post(path, form).status_code == 303


def test_the_password_is_not_tried_for_long(owner: SignedIn) -> None:
    path = f"/console/members/{owner.user_id}/reset"
    wrong = [owner.post(path, {"password": "wrong"}).status_code for _ in range(5)]
    assert wrong == [400] * 5
    assert owner.post(path, {"password": PASSWORD}).status_code == 429

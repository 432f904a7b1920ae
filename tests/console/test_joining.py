"""Joining: an invitation makes everything once, or nothing; a GET changes nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api.context import context_of
from app.console import attempts
from app.domain import token as tokens
from app.domain.role import Role
from app.domain.user import LinkPurpose
from app.errors import Conflict, InvalidMember, LimitReached, NotFound, WakecallError
from app.service import invitations, members, sign_in, sign_up, user_links
from app.service.sign_in import Browser
from app.service.sign_up import Joining, suggest_name
from app.store import invitations as store
from app.store import web_sessions
from tests.console.invite import invite
from tests.console.people import (
    LOGIN,
    PASSWORD,
    SignedIn,
    add_user,
    browser_of,
    post,
    signed_in_as,
)
from tests.console.rules import check_page
from tests.factories import connect, in_thread, one, wait_until_blocked

EMAIL = "grace@example.com"
ROWS = """
SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM web_user),
       (SELECT count(*) FROM membership), (SELECT count(*) FROM web_session),
       (SELECT count(*) FROM api_key), (SELECT count(*) FROM inbox),
       (SELECT count(*) FROM signing_secret), (SELECT sum(used) FROM invitation)
"""


def join(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    return post(
        client, path, {"email": EMAIL, "password": PASSWORD, "account": "grace", **form}, page=path
    )


def rows(database: str) -> Any:
    with connect(database) as connection:
        return connection.execute(ROWS).fetchone()


def test_an_invitation_makes_user_account_key_secret_inbox_and_session(
    app: Flask, database: str
) -> None:
    path = invite(app, note="Grace", email=EMAIL)
    client = browser_of(app)
    before = rows(database)
    page = client.get(path)
    document = check_page(page.data)
    assert document.get_element_by_id("field-email").get("value") == EMAIL
    assert document.get_element_by_id("field-account").get("value") == "grace"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert rows(database) == before

    answer = join(client, path, zone="Europe/Berlin")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/start")
    assert rows(database) == (1, 1, 1, 1, 1, 1, 1, 1)
    assert "grace" in client.get("/console/accounts").text
    with connect(database) as connection:
        assert one(connection, "SELECT zone FROM web_user") == "Europe/Berlin"
        assert one(connection, "SELECT role FROM membership") == "owner"
        assert one(connection, "SELECT created_by FROM api_key") == EMAIL
        actors = connection.execute("SELECT DISTINCT user_email, address FROM audit").fetchall()
        assert actors == [(EMAIL, "127.0.0.1")]


def test_the_new_key_is_shown_to_the_browser_that_made_it_and_works(app: Flask) -> None:
    path = invite(app)
    answer = join(browser_of(app), path)
    sealed = answer.headers.getlist("Set-Cookie")
    (cookie,) = [each for each in sealed if each.startswith("wakecall-new-key=")]
    assert "HttpOnly" in cookie
    assert "wk_" not in cookie
    kept = context_of(app).secret_box.open(cookie.split("=", 1)[1].split(";")[0].encode())
    text = kept.rpartition(" ")[2]
    assert app.test_client().get("/1/account", headers={"X-API-Key": text}).status_code == 200


def test_an_invitation_of_one_use_admits_one_of_two_who_join_at_once(
    app: Flask, database: str
) -> None:
    token = invite(app).rpartition("/")[2]
    barrier = threading.Barrier(2)
    lock = store.lock

    def at_once(*arguments: Any) -> Any:
        barrier.wait(30)
        return lock(*arguments)

    def attempt(name: str) -> WakecallError | None:
        joining = Joining(email=f"{name}@example.com", password=PASSWORD, account_name=name)
        try:
            sign_up.join(context_of(app), token, joining, Browser())
        except WakecallError as error:
            return error
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "lock", at_once)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(attempt, ("ada", "grace")))
    (refusal,) = [each for each in results if each is not None]
    assert isinstance(refusal, NotFound)
    assert "used up" in refusal.message
    assert rows(database)[:3] == (1, 1, 1)


def test_who_joins_waits_for_the_account_without_what_its_holder_may_need(
    app: Flask, signed_in: SignedIn, database: str
) -> None:
    """Who removes an owner locks the account, then ends invitations and links of its members."""
    context = context_of(app)
    user_links.create(context, signed_in.email, LinkPurpose.RESET)
    token = invite(app, signed_in.account.name).rpartition("/")[2]
    with context.database.session() as driver:
        session = web_sessions.find(driver, tokens.read(signed_in.token) or b"")
    assert session is not None

    def enter() -> None:
        with pytest.raises(Conflict, match="a member of"):
            sign_up.join_as(context, token, session)

    with connect(database) as other, ExitStack() as threads:
        with connect(database) as holder, holder.transaction():
            holder.execute("SELECT FROM account FOR NO KEY UPDATE")
            finish = threads.enter_context(in_thread(enter))
            wait_until_blocked(other)
            for table in ("invitation", "user_link"):
                holder.execute(f"SELECT FROM {table} FOR UPDATE NOWAIT")
        finish()


def test_a_refused_join_leaves_nothing_and_the_invitation_open(app: Flask, database: str) -> None:
    add_user(app, "ada@example.com", "demo")
    path = invite(app)
    before = rows(database)
    for wrong, status, told in (
        ({"account": "demo"}, 409, "exists already"),
        ({"account": "No Name"}, 400, "is not a valid account name"),
        ({"password": "short"}, 400, "has 5 characters"),
        ({"email": "nobody"}, 400, "is not an e-mail address"),
        ({"email": "a@b@c"}, 400, "is not an e-mail address"),
        ({"email": "=?utf-8?q?a=40b.c=2c?=@d.e"}, 400, "is not an e-mail address"),
        ({"email": "ada@example.com", "password": "not hers at all"}, 400, "another password"),
    ):
        answer = join(browser_of(app), path, **wrong)
        document = check_page(answer.data)
        assert answer.status_code == status, wrong
        assert told in document.get_element_by_id("problem").text_content()
        assert rows(database) == before, wrong
    assert join(browser_of(app), path).status_code == 303


def test_what_the_form_does_not_have_cannot_be_chosen(app: Flask, database: str) -> None:
    add_user(app, "ada@example.com", "demo")
    path = invite(app, "demo", role=Role.READER)
    answer = join(
        browser_of(app), path, role="owner", operator="true", user_id="1", account_id="1", uses="9"
    )
    assert answer.status_code == 303
    with connect(database) as connection:
        query = (
            "SELECT role, operator FROM membership JOIN web_user ON id = user_id"
            f" WHERE email = '{EMAIL}'"
        )
        assert connection.execute(query).fetchone() == ("read-only", False)
        assert one(connection, "SELECT count(*) FROM account") == 1


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 44, "é" * 43, "%00" * 3])
def test_an_unknown_token_is_not_found(app: Flask, token: str) -> None:
    for kind in ("join", "reset", "sign-in"):
        answer = browser_of(app).get(f"/console/{kind}/{token}")
        check_page(answer.data)
        assert answer.status_code == 404


def test_an_invitation_ends(app: Flask, database: str) -> None:
    context = context_of(app)
    used, revoked, expired = (invitations.create(context) for _ in range(3))
    path = used.link.removeprefix(context.settings.base_url)
    assert join(browser_of(app), path).status_code == 303
    invitations.revoke(context, revoked.invitation.id)
    with connect(database) as connection:
        connection.execute(
            "UPDATE invitation SET expires_at = clock_timestamp() WHERE id = %s",
            [expired.invitation.id],
        )
    for made, why in ((used, "used up"), (revoked, "revoked"), (expired, "expired")):
        with pytest.raises(NotFound, match=why):
            invitations.find(context, made.link.rpartition("/")[2])


def test_an_invitation_of_an_address_is_for_that_address(app: Flask) -> None:
    path = invite(app, email="ada@example.com")
    answer = join(browser_of(app), path)
    assert answer.status_code == 400
    assert "for another e-mail address" in answer.text


def test_who_is_signed_in_joins_without_a_password(app: Flask, signed_in: SignedIn) -> None:
    other = signed_in_as(app, "mallory@example.com", "other")
    path = invite(app, other.account.name, role=Role.MEMBER)
    page = check_page(signed_in.client.get(path).data)
    assert not page.xpath("//input[@type='password']")
    assert post(signed_in.client, path, {}, page=path).status_code == 303
    assert "other (current)" in signed_in.get("/console/accounts")
    again = post(signed_in.client, invite(app, "other"), {}, page="/console/accounts")
    assert again.status_code == 409


def test_a_session_that_ends_meanwhile_makes_no_account_whose_key_nobody_sees(
    app: Flask, signed_in: SignedIn, database: str
) -> None:
    context = context_of(app)
    made = invitations.create(context)
    session = sign_in.find(context, signed_in.token)
    assert session is not None
    sign_in.sign_out(context, session)
    before = rows(database)
    with pytest.raises(NotFound):
        sign_up.join_as(context, made.link.rpartition("/")[2], session, "mine")
    assert rows(database) == before


def test_a_known_user_joins_with_the_password_of_that_user(app: Flask, signed_in: SignedIn) -> None:
    add_user(app, EMAIL, "second")
    assert join(browser_of(app), invite(app, signed_in.account.name)).status_code == 303
    names = {each.email for each in members.list_members(context_of(app), signed_in.account)}
    assert names == {EMAIL, signed_in.email}


def test_nobody_new_where_sign_up_is_closed_but_members_are_invited(make_app: Any) -> None:
    app = make_app(WAKECALL_SIGNUP="closed")
    add_user(app, "ada@example.com", "demo")
    assert browser_of(app).get(invite(app)).status_code == 404
    assert post(browser_of(app), "/console/beta", {"email": EMAIL}).status_code == 404
    assert join(browser_of(app), invite(app, "demo")).status_code == 303


def test_everybody_signs_up_where_it_is_open(make_app: Any, database: str) -> None:
    app = make_app(WAKECALL_SIGNUP="open")
    client = browser_of(app)
    answer = post(client, "/console/sign-up", {"email": EMAIL})
    assert answer.status_code == 303
    assert join(client, answer.headers["Location"]).status_code == 303
    assert rows(database)[:3] == (1, 1, 1)


def test_nobody_signs_up_without_an_invitation_by_default(app: Flask) -> None:
    assert post(browser_of(app), "/console/sign-up", {"email": EMAIL}).status_code == 404


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("Ada.Lovelace@example.com", "ada.lovelace"),
        ("ä@x", "account"),
        ("+++@x", "account"),
        ("a+b@x", "a-b"),
        ("x" * 80 + "@x", "x" * 63),
        ("." * 5 + "a@x", "a"),
        ("", "account"),
    ],
)
def test_a_name_is_suggested_that_is_valid(email: str, name: str) -> None:
    assert suggest_name(email) == name


# Bounds of invitations.


def test_what_an_invitation_cannot_be(app: Flask, signed_in: SignedIn) -> None:
    context = context_of(app)
    wrongs: tuple[dict[str, Any], ...] = (
        {"uses": 0},
        {"uses": 1001},
        {"expiry": timedelta(0)},
        {"expiry": timedelta(days=91)},
        {"note": "x" * 201},
        {"note": "\x00"},
        {"email": "x"},
    )
    for wrong in wrongs:
        with pytest.raises(InvalidMember):
            invitations.create(context, signed_in.account, **wrong)


def test_a_day_has_so_many_invitations_revoked_ones_included(
    app: Flask, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(app)
    monkeypatch.setattr(invitations, "MAX_IN_PERIOD", 2)
    for _ in range(2):
        made = invitations.create(context, signed_in.account).invitation
        invitations.revoke(context, made.id, account=signed_in.account)
    with pytest.raises(LimitReached, match="2 invitations within a day"):
        invitations.create(context, signed_in.account)
    # The operator invites as many as there are.
    invitations.create(context)


def test_passwords_are_not_tried_at_an_invitation_instead(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user(app, EMAIL, "demo")
    few = replace(attempts.SIGN_IN_ANYWHERE, allowed=2)
    monkeypatch.setattr(attempts, "SIGN_IN_ANYWHERE", few)
    path = invite(app)
    tried = [join(browser_of(app), path, password="not hers at all") for _ in range(3)]
    assert [each.status_code for each in tried] == [400, 400, 429]
    form = {"email": EMAIL, "password": PASSWORD}
    assert post(browser_of(app), LOGIN, form).status_code == 429

"""Sign-in: sessions have new tokens, end when they should, and tell strangers nothing."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from urllib.parse import quote

import psycopg
import pytest
from flask import Flask

from app.api.context import context_of
from app.console import access
from app.domain import token as tokens
from app.domain.role import Role
from app.domain.user import LIFETIME, MAX_SESSIONS, SEEN_EVERY
from app.domain.user import SignedIn as SignedInUser
from app.errors import InvalidMember, Unavailable
from app.service import passwords, sign_in
from app.service.context import Context
from app.service.sign_in import Browser
from tests.console.people import (
    LOGIN,
    PASSWORD,
    SignedIn,
    add_user,
    browser_of,
    csrf_token,
    post,
    signed_in_as,
)
from tests.factories import connect, one

HOME = "/console/"
ACCOUNTS = "/console/accounts"
EMAIL = "ada@example.com"


@pytest.fixture
def user(app: Flask) -> int:
    return add_user(app, EMAIL, "demo")


def sign_in_with(app: Flask, **form: str) -> str:
    """Send the form of the sign-in page in a new browser; the address that it leads to."""
    answer = post(browser_of(app), LOGIN, {"email": EMAIL, "password": PASSWORD, **form})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


@pytest.mark.usefixtures("user")
def test_a_user_signs_in_and_out(app: Flask) -> None:
    client = browser_of(app)
    assert client.get(ACCOUNTS).headers["Location"] == f"{LOGIN}?next={ACCOUNTS}"

    assert (
        post(client, LOGIN, {"email": f" {EMAIL.upper()}", "password": PASSWORD}).status_code == 303
    )
    assert "demo" in client.get(ACCOUNTS).text

    cookie = client.get_cookie("wakecall")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert post(client, "/console/logout", {}, page=ACCOUNTS).headers["Location"] == LOGIN
    assert client.get_cookie("wakecall") is None
    # The token itself is dead, not just the cookie.
    client.set_cookie("wakecall", cookie.value)
    assert client.get(ACCOUNTS).status_code == 303


def test_of_two_sign_outs_at_once_both_lead_to_the_sign_in_page(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = sign_in.find

    def find_and_end(context: Context, token: str) -> SignedInUser | None:
        """The other request ends the session once this one has found it."""
        found = find(context, token)
        assert found is not None
        sign_in.sign_out(context, found)
        return found

    token = csrf_token(signed_in.client, ACCOUNTS)
    monkeypatch.setattr(sign_in, "find", find_and_end)
    answer = signed_in.client.post("/console/logout", data={"csrf_token": token})

    assert answer.headers["Location"] == LOGIN
    assert signed_in.client.get_cookie("wakecall") is None


@pytest.mark.usefixtures("user")
def test_over_tls_the_cookie_is_bound_to_the_host(app: Flask) -> None:
    client = browser_of(app)
    client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    answer = client.get(LOGIN, base_url="https://localhost")
    assert "__Host-wakecall-visit=" in answer.headers["Set-Cookie"]
    form = {
        "email": EMAIL,
        "password": PASSWORD,
        "csrf_token": answer.text.split('name="csrf_token" value="')[1].split('"')[0],
    }
    answer = client.post(LOGIN, data=form, base_url="https://localhost")
    (cookie,) = [
        each for each in answer.headers.getlist("Set-Cookie") if "__Host-wakecall=" in each
    ]
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    # A cookie of the plain name, which another host of the domain may set, is not read then.
    client.set_cookie("wakecall", cookie.split("=")[1].split(";")[0])
    client.delete_cookie("__Host-wakecall", path="/")
    assert client.get(ACCOUNTS, base_url="https://localhost").status_code == 303


@pytest.mark.usefixtures("user")
def test_a_sign_in_ignores_the_token_that_the_browser_had(app: Flask) -> None:
    planted = signed_in_as(app, "mallory@example.com", "other")
    client = browser_of(app)
    client.set_cookie("wakecall", planted.token)
    token = csrf_token(client, ACCOUNTS)

    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": token}
    assert client.post(LOGIN, data=form).status_code == 303
    cookie = client.get_cookie("wakecall")
    assert cookie is not None
    assert cookie.value != planted.token
    assert "demo" in client.get(ACCOUNTS).text
    # Who planted the token gets nothing of it, not even the old session.
    assert planted.client.get(ACCOUNTS).status_code == 303


@pytest.mark.usefixtures("user")
def test_only_the_hash_of_a_token_is_stored(app: Flask, database: str) -> None:
    with app.app_context():
        token = sign_in.sign_in(context_of(app), EMAIL, PASSWORD, Browser(agent="A", address="::1"))
    with connect(database) as connection:
        stored = one(connection, "SELECT digest FROM web_session")
    assert bytes(stored) == hashlib.sha256(token.encode()).digest()


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, "wrong"), ("nobody@example.com", PASSWORD), ("", ""), ("\x00", "")],
)
def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    app: Flask, email: str, password: str
) -> None:
    known = post(browser_of(app), LOGIN, {"email": EMAIL, "password": "other"})
    other = post(browser_of(app), LOGIN, {"email": email, "password": password})
    assert known.status_code == other.status_code == 400
    assert "The e-mail address or the password is wrong." in other.text


@pytest.mark.usefixtures("user")
def test_an_unknown_address_costs_the_same_hash(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = passwords._verify

    def noting(stored: str, password: str) -> bool:
        verified.append(stored)
        return verify(stored, password)

    monkeypatch.setattr(passwords, "_verify", noting)
    for email in (EMAIL, "nobody@example.com"):
        with pytest.raises(InvalidMember):
            sign_in.sign_in(context_of(app), email, "wrong", Browser())
    assert len(verified) == 2
    costs = [each.rsplit("$", 2)[0] for each in verified]
    assert costs[0] == costs[1] == "$argon2id$v=19$m=19456,t=2,p=1"


def test_more_than_two_hashes_wait_and_then_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PATIENCE_S", 0.05)
    with passwords._turn(), passwords._turn(), pytest.raises(Unavailable):
        passwords.hash_password(PASSWORD)
    assert passwords.matches(passwords.hash_password(PASSWORD), PASSWORD)


@pytest.mark.usefixtures("user")
def test_passwords_cannot_be_tried_for_long(app: Flask) -> None:
    client = browser_of(app)
    token = csrf_token(client)
    form = {"email": EMAIL, "password": "wrong", "csrf_token": token}
    assert [client.post(LOGIN, data=form).status_code for _ in range(5)] == [400] * 5

    answer = client.post(LOGIN, data={**form, "password": PASSWORD})
    assert answer.status_code == 429
    assert "and try again" in answer.text
    # Another user of the same network still gets in.
    add_user(app, "grace@example.com", "demo")
    form |= {"email": "grace@example.com", "password": PASSWORD}
    assert client.post(LOGIN, data=form).status_code == 303


def test_an_expired_session_is_over_and_use_prolongs_it(signed_in: SignedIn, database: str) -> None:
    with connect(database) as connection:
        connection.execute(
            "UPDATE web_session SET seen_at = seen_at - %s, ends_at = clock_timestamp() + '1 hour'",
            [SEEN_EVERY],
        )
        signed_in.get(ACCOUNTS)
        left = one(connection, "SELECT ends_at - clock_timestamp() FROM web_session")
        assert timedelta(days=29) < left <= timedelta(days=30)
        # But never past 90 days after it began.
        connection.execute(
            "UPDATE web_session SET created_at = clock_timestamp() - %s, seen_at = seen_at - %s,"
            " ends_at = clock_timestamp() + '1 minute'",
            [LIFETIME - timedelta(hours=1), SEEN_EVERY],
        )
        signed_in.get(ACCOUNTS)
        assert one(connection, "SELECT ends_at = created_at + %s FROM web_session", LIFETIME)
        connection.execute("UPDATE web_session SET ends_at = clock_timestamp()")
        assert signed_in.client.get(ACCOUNTS).status_code == 303
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE web_session SET ends_at = created_at + interval '91 days'")


def test_reading_pages_writes_to_the_session_once_in_ten_minutes(
    signed_in: SignedIn, database: str
) -> None:
    with connect(database) as connection:
        before = one(connection, "SELECT xmin::text || ctid::text FROM web_session")
        for _ in range(3):
            signed_in.get(ACCOUNTS)
        assert one(connection, "SELECT xmin::text || ctid::text FROM web_session") == before


@pytest.mark.usefixtures("user")
def test_a_user_has_so_many_sessions_and_no_more(app: Flask, database: str) -> None:
    first = signed_in_as(app, EMAIL, "demo")
    for _ in range(MAX_SESSIONS):
        newest = signed_in_as(app, EMAIL, "demo")
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM web_session") == MAX_SESSIONS
    assert first.client.get(ACCOUNTS).status_code == 303
    assert newest.client.get(ACCOUNTS).status_code == 200


def test_a_changed_password_ends_all_sessions_and_begins_one(
    app: Flask, signed_in: SignedIn
) -> None:
    other = signed_in_as(app, signed_in.email, "demo")
    before = signed_in.token
    path = "/console/account/password"
    wrong = {"password": "wrong", "newPassword": "another long password"}
    assert signed_in.post(path, wrong).status_code == 400
    short = {"password": PASSWORD, "newPassword": "short"}
    assert signed_in.post(path, short).status_code == 400
    assert signed_in.post(path, {**wrong, "password": PASSWORD}).status_code == 303
    assert signed_in.token != before
    assert signed_in.client.get(ACCOUNTS).status_code == 200
    assert other.client.get(ACCOUNTS).status_code == 303
    other.client.set_cookie("wakecall", before)
    assert other.client.get(ACCOUNTS).status_code == 303


def test_no_session_with_the_old_password_outlasts_a_change_at_the_same_time(
    app: Flask, user: int, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    changed = threading.Event()
    compare = passwords.matches

    def matches(stored: str | None, password: str) -> bool:
        """The password is changed between the comparison and the session."""
        right = compare(stored, password)
        with connect(database) as connection:
            connection.execute(
                "UPDATE web_user SET password = %s WHERE id = %s",
                [passwords.hash_password("another long password"), user],
            )
        changed.set()
        return right

    monkeypatch.setattr(passwords, "matches", matches)
    with app.app_context(), pytest.raises(InvalidMember):
        sign_in.sign_in(context_of(app), EMAIL, PASSWORD, Browser())
    assert changed.is_set()
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM web_session") == 0


# Where a sign-in leads.


@pytest.mark.usefixtures("user")
def test_a_sign_in_leads_to_the_page_that_was_wanted(app: Flask) -> None:
    assert (
        sign_in_with(app, next="/console/jobs?tag=a&paused=true")
        == "/console/jobs?tag=a&paused=true"
    )


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "//[",
        "https://[/console/",
        "/\\evil.example/console/",
        "\\\\evil.example",
        "/console/\\..\\..",
        "/console/../../evil",
        "/console/\t//evil.example",
        "javascript:alert(1)",
        "http:/console/",
        "/1/jobs",
        "/consoles",
        "console/",
        "/console/login?next=/console/login",
        "/console/" + "x" * 3000,
        "/console/é",
    ],
)
def test_a_sign_in_leads_nowhere_else(app: Flask, elsewhere: str) -> None:
    assert not access.is_own_path(elsewhere)
    page = browser_of(app).get(f"{LOGIN}?next={quote(elsewhere)}").text
    assert 'name="next"' not in page


def test_a_script_that_polls_is_sent_to_the_sign_in_page(app: Flask) -> None:
    answer = browser_of(app).get(ACCOUNTS, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == f"{LOGIN}?next={ACCOUNTS}"


# Several accounts.


def test_a_session_acts_for_one_account_at_a_time(app: Flask, signed_in: SignedIn) -> None:
    add_user(app, signed_in.email, "second", Role.READER)
    second = signed_in_as(app, "grace@example.com", "second").account
    foreign = signed_in_as(app, "mallory@example.com", "other").account

    assert "demo (current)" in signed_in.get(ACCOUNTS)
    assert signed_in.post("/console/switch", {"account": second.id}).status_code == 303
    assert "second (current)" in signed_in.get(ACCOUNTS)
    for unknown in (foreign.id, 0, -1, 10**30, "x", "٣", ""):
        answer = signed_in.post("/console/switch", {"account": unknown})
        assert answer.status_code == 404, unknown
    assert "second (current)" in signed_in.get(ACCOUNTS)


def test_a_user_without_an_account_sees_that(
    app: Flask, signed_in: SignedIn, database: str
) -> None:
    with connect(database) as connection:
        connection.execute("DELETE FROM membership")
    assert "You are not a member of any account" in signed_in.get(ACCOUNTS)
    with connect(database) as connection:
        assert one(connection, "SELECT account_id FROM web_session") is None


def test_a_request_of_the_api_makes_no_token_of_a_form(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr(tokens, "new", lambda: made.append(None))

    answer = app.test_client().get("/1/jobs", headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert made == []

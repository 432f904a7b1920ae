"""Safety of all pages of the console: forms of other sites, frames, roles, and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from flask import Flask

from app.console import access
from app.console.rendering import POLICY
from tests.console.people import (
    LOGIN,
    PASSWORD,
    SignedIn,
    add_user,
    browser_of,
    csrf_token,
    find_account,
    post,
)
from tests.factories import connect, one

ANONYMOUS = re.compile(
    r"/|/console/(login|logout|forgot|sign-up|beta|display"
    r"|join/.*|reset/.*|sign-in/.*|static/.*)"
)
"""Pages that nobody has to be signed in for."""

OF_NO_ACCOUNT = re.compile(
    r"/console/(switch|admin/.*|account/(preferences|password|delete-user|sessions/.*))"
)
"""Forms of the user, or of the operator, whichever account the session acts for."""


class Rule(NamedTuple):
    method: str
    path: str


def rules(app: Flask) -> Iterator[Rule]:
    """Each method of each page, with a path that the page's rule matches."""
    for rule in app.url_map.iter_rules():
        if rule.rule == "/" or rule.rule.startswith("/console"):
            path = re.sub(r"<int:\w+>", "1", rule.rule)
            path = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000001", path)
            path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
            path = re.sub(r"<[^>]+>", "x", path)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                if rule.rule != "/" or method == "GET":
                    yield Rule(method, path)


def test_nothing_is_changed_without_a_token_of_the_browser(
    app: Flask, signed_in: SignedIn, other_user: SignedIn
) -> None:
    foreign = csrf_token(other_user.client, "/console/accounts")
    posts = [each.path for each in rules(app) if each.method == "POST"]
    assert len(posts) > 20
    for path in posts:
        for form in ({}, {"csrf_token": "x"}, {"csrf_token": foreign}):
            answer = signed_in.client.post(path, data=form)
            assert answer.status_code == 403, (path, form)
            assert "no valid token" in answer.text


def test_nothing_is_changed_for_a_page_of_another_site(app: Flask, signed_in: SignedIn) -> None:
    token = csrf_token(signed_in.client, "/console/accounts")
    for each in rules(app):
        if each.method != "POST":
            continue
        for header in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            answer = signed_in.client.post(each.path, data={"csrf_token": token}, headers=header)
            assert answer.status_code == 403, (each.path, header)
            assert "another site" in answer.text


def test_a_token_of_before_the_sign_in_is_worth_nothing_after_it(app: Flask) -> None:
    add_user(app, "ada@example.com", "demo")
    client = browser_of(app)
    before = csrf_token(client)
    form = {"email": "ada@example.com", "password": PASSWORD, "csrf_token": before}
    assert client.post(LOGIN, data=form).status_code == 303
    assert client.post("/console/logout", data={"csrf_token": before}).status_code == 403


def test_a_form_changes_nothing_of_an_account_that_its_page_did_not_show(
    app: Flask, signed_in: SignedIn
) -> None:
    add_user(app, signed_in.email, "second")
    second = find_account(app, "second")
    page = csrf_token(signed_in.client, "/console/secrets")
    assert signed_in.post("/console/switch", {"account": second.id}).status_code == 303

    for each in rules(app):
        if each.method != "POST" or ANONYMOUS.fullmatch(each.path):
            continue
        if OF_NO_ACCOUNT.fullmatch(each.path):
            continue
        answer = signed_in.client.post(each.path, data={"csrf_token": page, "overlap": "0"})
        assert answer.status_code == 409, each.path
        assert "not of the account that you use now" in answer.text, each.path
    assert signed_in.client.post("/console/logout", data={"csrf_token": page}).status_code == 303


def test_forms_of_another_account_are_counted_as_all_requests(
    app: Flask, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user(app, signed_in.email, "second")
    page = csrf_token(signed_in.client, "/console/secrets")
    signed_in.post("/console/switch", {"account": find_account(app, "second").id})
    monkeypatch.setattr(access, "REQUESTS_PER_SECOND", 1)

    answers = {
        signed_in.client.post("/console/inbox", data={"csrf_token": page}).status_code
        for _ in range(5)
    }

    assert 429 in answers


def test_a_form_of_an_account_that_the_user_left_is_not_for_another_one(
    app: Flask, signed_in: SignedIn, database: str
) -> None:
    add_user(app, signed_in.email, "second")
    page = csrf_token(signed_in.client, "/console/inbox")
    with connect(database) as connection:
        connection.execute("DELETE FROM membership WHERE account_id = %s", [signed_in.account.id])

    answer = signed_in.client.post("/console/inbox", data={"csrf_token": page, "label": "mine"})

    assert answer.status_code == 409
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM inbox") == 0


def test_every_page_refuses_frames_and_scripts_of_others(app: Flask, signed_in: SignedIn) -> None:
    for each in rules(app):
        if each.method != "GET" or "/static/" in each.path:
            continue
        for client in (signed_in.client, browser_of(app)):
            headers = client.get(each.path).headers
            assert headers["Content-Security-Policy"] == POLICY, each.path
            assert headers["X-Frame-Options"] == "DENY", each.path
            assert headers["Cache-Control"] == "no-store", each.path
            assert headers["Referrer-Policy"] in {"same-origin", "no-referrer"}, each.path


def test_who_is_not_signed_in_is_sent_to_the_sign_in_by_every_other_page(app: Flask) -> None:
    client = browser_of(app)
    token = csrf_token(client)
    for each in rules(app):
        if ANONYMOUS.fullmatch(each.path):
            continue
        answer = client.open(each.path, method=each.method, data={"csrf_token": token})
        assert answer.status_code == 303, each
        assert answer.headers["Location"].partition("?")[0] == LOGIN, each


def test_the_cookie_opens_no_path_of_the_api(signed_in: SignedIn) -> None:
    assert signed_in.client.get("/1/jobs").status_code == 401
    signed_in.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {signed_in.token}"
    assert signed_in.client.get("/1/jobs").status_code == 401


def test_a_key_opens_no_page(app: Flask, key: str) -> None:
    client = browser_of(app)
    client.environ_base["HTTP_X_API_KEY"] = key
    assert client.get("/console/keys").headers["Location"].startswith(LOGIN)


def test_odd_cookies_are_as_none(app: Flask) -> None:
    for number, odd in enumerate(("", "x", "A" * 43, "A" * 4000, "%00", "é", '"', "a;b")):
        client = browser_of(app)
        client.set_cookie("wakecall", odd)
        client.set_cookie("wakecall-visit", odd)
        client.set_cookie("wakecall-notices", odd)
        client.set_cookie("wakecall-new-key", odd)
        assert client.get("/console/keys").status_code == 303, odd
        assert client.get("/").status_code == 200, odd
        answer = post(client, LOGIN, {"email": f"{number}@b", "password": odd})
        assert answer.status_code == 400, odd


def test_a_user_cannot_keep_the_pages_busy(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "REQUESTS_PER_SECOND", 1)
    answers = [signed_in.client.get("/console/accounts") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) >= 1

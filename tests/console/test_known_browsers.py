"""Known browsers: strangers who use up the sign-ins of an address do not lock its user out."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.console import attempts
from tests.console.people import LOGIN, PASSWORD, add_user, browser_of, csrf_token, post

EMAIL = "ada@example.com"
COOKIE = "wakecall-browser"


@pytest.fixture(autouse=True)
def _user(app: Flask) -> None:
    add_user(app, EMAIL, "demo")


def sign_in(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD) -> TestResponse:
    return post(client, LOGIN, {"email": email, "password": password})


def signed_out_browser(app: Flask, email: str = EMAIL) -> FlaskClient:
    """A browser in which the user has signed in and out before."""
    client = browser_of(app)
    assert sign_in(client, email).status_code == 303
    assert post(client, "/console/logout", {}, page="/console/accounts").status_code == 303
    return client


def lock_out(app: Flask) -> None:
    """Try passwords from six networks until the address has no sign-ins left."""
    statuses = []
    for network in range(6):
        client = browser_of(app)
        token = csrf_token(client)
        form = {"email": EMAIL, "password": "wrong", "csrf_token": token}
        client.environ_base["REMOTE_ADDR"] = f"198.51.{network}.7"
        statuses += [client.post(LOGIN, data=form).status_code for _ in range(5)]
    # The sign-in of the known browser was counted as well.
    assert set(statuses[: attempts.SIGN_IN_ANYWHERE.allowed - 1]) == {400}


def test_a_user_whose_address_is_locked_signs_in_with_a_browser_of_before(app: Flask) -> None:
    known = signed_out_browser(app)
    lock_out(app)

    assert sign_in(browser_of(app)).status_code == 429
    assert sign_in(known).status_code == 303


def test_the_cookie_of_one_address_does_not_serve_another(app: Flask) -> None:
    add_user(app, "mallory@example.com", "other")
    mallory = signed_out_browser(app, "mallory@example.com")
    lock_out(app)
    assert sign_in(mallory).status_code == 429

    cookie = mallory.get_cookie(COOKIE)
    assert cookie is not None
    browser, _, seal = cookie.value.partition(".")
    for forged in ("", ".", f"{browser}.", f"{browser}x.{seal}", f".{seal}", "é.é"):
        mallory.set_cookie(COOKIE, forged)
        assert sign_in(mallory).status_code == 429, forged


def test_a_known_browser_has_few_attempts_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = signed_out_browser(app), signed_out_browser(app)
    tried = [sign_in(first, password="wrong").status_code for _ in range(6)]
    assert tried == [400] * 5 + [429]
    assert sign_in(first).status_code == 429
    # Another browser of the same user is counted for itself, up to a limit for all of them.
    assert sign_in(second).status_code == 303
    few = attempts.Kind(name="sign-ins with this address from known browsers", allowed=0)
    monkeypatch.setattr(attempts, "SIGN_IN_BROWSERS", few)
    assert sign_in(signed_out_browser_of_cookie(app, second)).status_code == 429


def signed_out_browser_of_cookie(app: Flask, other: FlaskClient) -> FlaskClient:
    """A new browser with the cookie of another one."""
    client = browser_of(app)
    cookie = other.get_cookie(COOKIE)
    assert cookie is not None
    client.set_cookie(COOKIE, cookie.value)
    return client


def test_a_failed_sign_in_leaves_no_cookie(app: Flask) -> None:
    client = browser_of(app)
    assert sign_in(client, password="wrong").status_code == 400
    assert client.get_cookie(COOKIE) is None
    assert sign_in(client).status_code == 303
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    assert EMAIL not in cookie.value
    assert cookie.http_only

"""People of the console's tests: users with a password that is hashed once, and their browsers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api.context import context_of
from app.domain import token as tokens
from app.domain.account import Account
from app.domain.role import Role
from app.service import passwords, sign_in
from app.store import accounts, users
from app.store.database import driver_of

PASSWORD = "correct horse battery"
LOGIN = "/console/login"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@cache
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


def add_user(app: Flask, email: str, account: str | None = None, role: Role = Role.OWNER) -> int:
    """A user with PASSWORD, who is a member of the account, which is made if it is new."""
    with app.app_context(), context_of(app).database.transaction() as connection:
        user_id = users.insert_user(connection, email, hashed(), "UTC")
        if user_id is None:
            known = users.credentials(connection, email)
            assert known is not None
            user_id = known.user_id
        if account is not None:
            found = accounts.find_account(connection, account)
            made = found or accounts.insert_account(connection, account)
            assert made is not None
            users.add_member(connection, user_id, made.id, role)
        return user_id


def find_account(app: Flask, name: str) -> Account:
    with app.app_context(), context_of(app).database.transaction() as connection:
        found = accounts.find_account(connection, name)
    assert found is not None
    return found


def browser_of(app: Flask) -> FlaskClient:
    """A browser that takes pages, and is not signed in."""
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def csrf_token(client: FlaskClient, path: str = LOGIN) -> str:
    """The token of the form on a page."""
    found = _TOKEN.search(client.get(path).get_data(as_text=True))
    assert found is not None, f"{path} has no form"
    return found[1]


def post(client: FlaskClient, path: str, form: dict[str, Any], page: str = LOGIN) -> TestResponse:
    """Send a form as the page does that has it: with the token of its browser."""
    return client.post(path, data={**form, "csrf_token": csrf_token(client, page)})


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A browser that is signed in as the only member of an account, or one of several."""

    app: Flask
    client: FlaskClient
    email: str
    account: Account
    user_id: int
    _made: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        """The token in the cookie of the session."""
        cookie = self.client.get_cookie("wakecall")
        assert cookie is not None
        return cookie.value

    def get(self, path: str) -> str:
        """The HTML of a page, which must be there."""
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.text

    def post(self, path: str, form: dict[str, Any] | None = None) -> TestResponse:
        """Send a form with the token of this browser."""
        return post(self.client, path, form or {}, page="/console/accounts")

    def with_role(self, role: Role, email: str | None = None) -> SignedIn:
        """Another browser, of another member of the same account with this role."""
        return signed_in_as(self.app, email or f"{role}@example.com", self.account.name, role)


def signed_in_as(app: Flask, email: str, account: str, role: Role = Role.OWNER) -> SignedIn:
    """A browser whose session was stored without hashing the password once more."""
    user_id = add_user(app, email, account, role)
    found = find_account(app, account)
    token = tokens.new()
    with context_of(app).database.transaction() as connection:
        sign_in.begin(connection, token, user_id, sign_in.Browser(), account_id=found.id)
        assert driver_of(connection)
    client = browser_of(app)
    client.set_cookie("wakecall", token.text)
    return SignedIn(app=app, client=client, email=email, account=found, user_id=user_id)

"""Delete-user page: users delete themselves, and no account loses its last owner."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from flask import Flask

from app.api.context import context_of
from app.domain.role import Role
from app.errors import Conflict
from app.service import account_lifecycle, invitations, members
from app.store import users
from tests.console.people import LOGIN, PASSWORD, SignedIn, add_user, browser_of, post
from tests.console.rules import check_page
from tests.factories import one

PATH = "/console/account/delete-user"


def form_of(person: SignedIn, **changed: str) -> dict[str, str]:
    return {"email": person.email, "password": PASSWORD, **changed}


def test_a_user_leaves_everything_and_the_accounts_stay(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    member = signed_in.with_role(Role.MEMBER)
    add_user(app, member.email, "second")
    other = add_user(app, "grace@example.com", "second")
    (link,) = check_page(member.get("/console/account")).xpath(f"//a[@href='{PATH}']")
    assert member.email in link.text_content()
    assert "second" in check_page(member.get(PATH)).text_content()

    answer = member.post(PATH, form_of(member, email=f" {member.email.upper()}"))
    assert answer.headers["Location"] == LOGIN
    assert "is deleted" in check_page(member.client.get(LOGIN).text).text_content()
    assert member.client.get("/console/accounts").status_code == 303
    sign_in = {"email": member.email, "password": PASSWORD}
    assert post(browser_of(app), LOGIN, sign_in).status_code == 400
    assert one(connection, "SELECT count(*) FROM web_session WHERE user_id = %s", other) == 0
    assert one(connection, "SELECT count(*) FROM web_user") == 2
    assert "user.delete" in signed_in.get("/console/audit")
    assert member.email in signed_in.get("/console/audit")


def test_the_last_owner_is_refused_with_a_remedy(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    refused = signed_in.post(PATH, form_of(signed_in))
    assert refused.status_code == 409
    text = check_page(refused.text).text_content()
    assert "You are the last owner of demo." in text
    assert "delete the account" in text
    assert one(connection, "SELECT count(*) FROM web_user") == 1

    # An account that is being deleted does not need its owner.
    account_lifecycle.begin_deletion(context_of(app), signed_in.account, by=signed_in.user_id)
    assert signed_in.post(PATH, form_of(signed_in)).status_code == 303


def test_another_owner_stays_and_what_the_first_made_ends(app: Flask, signed_in: SignedIn) -> None:
    other = signed_in.with_role(Role.OWNER, "grace@example.com")
    invitation = {"email": "", "role": "member", "expiry": "30", "note": ""}
    assert signed_in.post("/console/members/invitations", invitation).status_code == 303
    assert signed_in.post(PATH, form_of(signed_in)).status_code == 303
    assert invitations.list_open(context_of(app), other.account) == ()
    assert signed_in.email not in check_page(other.get("/console/members")).text_content()


def test_nobody_is_deleted_without_address_and_password(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    member = signed_in.with_role(Role.MEMBER)
    for changed, field in (
        ({"email": signed_in.email}, "email"),
        ({"password": "wrong horse"}, "password"),
    ):
        refused = member.post(PATH, form_of(member, **changed))
        assert refused.status_code == 400
        assert check_page(refused.text).xpath(f"//*[@id='fault-{field}']")
    assert one(connection, "SELECT count(*) FROM web_user") == 2


def test_two_owners_who_delete_themselves_at_once_leave_one(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = signed_in.with_role(Role.OWNER, "grace@example.com")
    barrier = threading.Barrier(2)
    read = users.owned_alone

    def at_once(*arguments: Any) -> Any:
        """Both transactions have the chance to read before either of them deletes."""
        if not barrier.broken:
            with suppress(threading.BrokenBarrierError):
                barrier.wait(1)
        return read(*arguments)

    def delete(user_id: int) -> bool:
        try:
            members.delete_user(context_of(app), user_id)
        except Conflict:
            return False
        return True

    monkeypatch.setattr(users, "owned_alone", at_once)
    with ThreadPoolExecutor(2) as pool:
        deleted = list(pool.map(delete, (signed_in.user_id, other.user_id)))
    assert sorted(deleted) == [False, True]
    assert one(connection, "SELECT count(*) FROM membership") == 1

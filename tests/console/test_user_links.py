"""User links: each is used once, for one purpose, and leads nobody further than its maker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from flask import Flask

from app.api.context import context_of
from app.domain.account import Account, Caller
from app.domain.role import Role
from app.domain.scope import Scope
from app.domain.user import LinkPurpose
from app.errors import Conflict, InsufficientRole, NotFound
from app.service import account_lifecycle, accounts, invitations, keys, members, user_links
from app.service.context import Context
from app.service.dapr import apps
from app.service.fusion import runners
from app.service.keys import Wanted
from app.service.sign_in import Browser
from tests.console.invite import invite
from tests.console.people import (
    LOGIN,
    PASSWORD,
    SignedIn,
    add_user,
    browser_of,
    find_account,
    post,
    signed_in_as,
)
from tests.factories import in_thread, one, wait_until_blocked

EMAIL = "grace@example.com"


def path_of(app: Flask, email: str, purpose: LinkPurpose) -> str:
    link = user_links.create(context_of(app), email, purpose)
    return link.removeprefix(context_of(app).settings.base_url)


def test_a_reset_link_is_used_once_and_ends_all_sessions(app: Flask, signed_in: SignedIn) -> None:
    first = path_of(app, signed_in.email, LinkPurpose.RESET)
    path = path_of(app, signed_in.email, LinkPurpose.RESET)
    assert browser_of(app).get(first).status_code == 404
    client = browser_of(app)
    assert post(client, path, {"password": "short"}, page=path).status_code == 400
    answer = post(client, path, {"password": "a new long password"}, page=path)
    assert answer.status_code == 303
    assert client.get("/console/accounts").status_code == 200
    assert signed_in.client.get("/console/accounts").status_code == 303
    assert browser_of(app).get(path).status_code == 404
    for password, status in ((PASSWORD, 400), ("a new long password", 303)):
        form = {"email": signed_in.email, "password": password}
        assert post(browser_of(app), LOGIN, form).status_code == status


def test_a_sign_in_link_is_used_once_and_not_by_a_program_that_opens_it(
    app: Flask, signed_in: SignedIn
) -> None:
    path = path_of(app, signed_in.email, LinkPurpose.SIGN_IN)
    for _ in range(2):
        assert browser_of(app).get(path).status_code == 200
    client = browser_of(app)
    assert post(client, path, {}, page=path).status_code == 303
    assert client.get("/console/accounts").status_code == 200
    assert post(browser_of(app), path, {}).status_code == 404


def test_a_link_of_one_purpose_does_not_serve_the_other(app: Flask, signed_in: SignedIn) -> None:
    token = path_of(app, signed_in.email, LinkPurpose.SIGN_IN).rpartition("/")[2]
    assert browser_of(app).get(f"/console/reset/{token}").status_code == 404


def test_an_owner_cannot_become_a_user_of_another_account(app: Flask, signed_in: SignedIn) -> None:
    context = context_of(app)
    user_id = add_user(app, EMAIL, signed_in.account.name, Role.MEMBER)
    link = user_links.create_for_member(context, signed_in.account, user_id)
    # What was made before the user joined another account no longer leads there.
    add_user(app, "mallory@example.com", "other")
    client = signed_in_as(app, EMAIL, signed_in.account.name, Role.MEMBER).client
    path = invite(app, "other")
    assert post(client, path, {}, page=path).status_code == 303
    with pytest.raises(NotFound):
        user_links.find(context, link.rpartition("/")[2], LinkPurpose.RESET)
    with pytest.raises(Conflict, match="other accounts"):
        user_links.create_for_member(context, signed_in.account, user_id)
    with pytest.raises(NotFound):
        user_links.create_for_member(context, find_account(app, "other"), signed_in.user_id)


@pytest.mark.parametrize("removed", [True, False])
def test_a_former_owner_has_no_way_back(
    app: Flask,
    signed_in: SignedIn,
    *,
    removed: bool,
) -> None:
    context, account = context_of(app), signed_in.account
    former = signed_in.with_role(Role.OWNER, "mallory@example.com")
    member = add_user(app, EMAIL, account.name, Role.MEMBER)
    elsewhere = add_user(app, "alan@example.com", account.name, Role.MEMBER)
    add_user(app, "alan@example.com", "other")
    form = {"email": "", "role": "owner", "expiry": "30", "note": ""}
    assert former.post("/console/members/invitations", form).status_code == 303
    kept = invitations.create(context, account).invitation.id
    link = user_links.create_for_member(context, account, member)
    own = user_links.create(context, "alan@example.com", LinkPurpose.RESET)
    assert elsewhere != member

    if removed:
        members.remove(context, account, former.user_id)
    else:
        members.change_role(context, account, former.user_id, Role.READER)
    usable = [each.id for each in invitations.list_open(context, account)]
    assert usable == [kept]
    with pytest.raises(NotFound):
        user_links.find(context, link.rpartition("/")[2], LinkPurpose.RESET)
    # An owner cannot have made this one.
    assert user_links.find(context, own.rpartition("/")[2], LinkPurpose.RESET)


ByOwner = Callable[[Context, Account, int, int], object]
REQUESTS: dict[str, ByOwner] = {
    "invitation": lambda context, account, by, _: invitations.create(context, account, by=by),
    "link": lambda context, account, by, member: user_links.create_for_member(
        context, account, member, by=by
    ),
    "role": lambda context, account, by, member: members.change_role(
        context, account, member, Role.OWNER, by=by
    ),
    "removal": lambda context, account, by, member: members.remove(context, account, member, by=by),
    "key": lambda context, account, by, _: keys.create_as_user(
        context,
        Caller(account=account, key_id="", now=datetime.now(UTC)),
        Wanted(label="", scope=Scope.ADMIN),
        by=by,
    ),
    "revocation": lambda context, account, by, _: keys.revoke_as_user(context, account, "", by=by),
    "secret": lambda context, account, by, _: accounts.rotate_secret(
        context, account.name, overlap=timedelta(0), by=by
    ),
    "deletion": lambda context, account, by, _: account_lifecycle.begin_deletion(
        context, account, by=by
    ),
    "app": lambda context, account, by, _: apps.put(
        context, account, "shop", url="https://evil.example", token=None, by=by
    ),
    "removal of an app": lambda context, account, by, _: apps.delete(
        context, account, "shop", by=by
    ),
    "runner": lambda context, account, by, _: runners.put(
        context, account, "spark", url="https://evil.example", by=by
    ),
    "removal of a runner": lambda context, account, by, _: runners.delete(
        context, account, "spark", by=by
    ),
    "revocation of an invitation": lambda context, account, by, _: invitations.revoke(
        context, 1, account=account, by=by
    ),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_an_owner_who_is_removed_during_a_request_may_do_nothing_more(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection, kind: str
) -> None:
    context, account = context_of(app), signed_in.account
    former = add_user(app, "mallory@example.com", account.name, Role.OWNER)
    member = add_user(app, EMAIL, account.name, Role.MEMBER)
    with ExitStack() as stack:
        with connection.transaction():
            # As the removal by another owner, of which the request has seen nothing.
            connection.execute("SELECT FROM account WHERE id = %s FOR NO KEY UPDATE", (account.id,))
            finish = stack.enter_context(
                in_thread(lambda: REQUESTS[kind](context, account, former, member))
            )
            wait_until_blocked(connection)
            connection.execute("DELETE FROM membership WHERE user_id = %s", (former,))
        with pytest.raises(InsufficientRole):
            finish()


@pytest.mark.parametrize("given", ["account", "operator"])
def test_a_link_of_an_owner_does_not_lead_to_what_the_operator_gives(
    app: Flask, signed_in: SignedIn, given: str
) -> None:
    context = context_of(app)
    user_id = add_user(app, EMAIL, signed_in.account.name, Role.MEMBER)
    add_user(app, "mallory@example.com", "other")
    link = user_links.create_for_member(context, signed_in.account, user_id)
    if given == "account":
        members.add_user(context, "other", EMAIL)
    else:
        members.set_operator(context, EMAIL, operator=True)
    with pytest.raises(NotFound):
        user_links.find(context, link.rpartition("/")[2], LinkPurpose.RESET)


def test_a_session_that_begins_with_a_link_does_not_outlast_another_password(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    context = context_of(app)
    token = path_of(app, signed_in.email, LinkPurpose.SIGN_IN).rpartition("/")[2]
    with ExitStack() as stack:
        with connection.transaction():
            # As the change of the password does.
            lock_user(connection, signed_in)
            finish = stack.enter_context(
                in_thread(lambda: user_links.use_to_sign_in(context, token, Browser()))
            )
            wait_until_blocked(connection)
            connection.execute("DELETE FROM web_session")
            connection.execute("DELETE FROM user_link")
        with pytest.raises(NotFound):
            finish()
    assert one(connection, "SELECT count(*) FROM web_session") == 0


def test_a_reset_waits_for_another_change_of_the_password_without_a_circle(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    context = context_of(app)
    token = path_of(app, signed_in.email, LinkPurpose.RESET).rpartition("/")[2]
    with ExitStack() as stack:
        with connection.transaction():
            lock_user(connection, signed_in)
            finish = stack.enter_context(
                in_thread(
                    lambda: user_links.reset_password(
                        context, token, "a new long password", Browser()
                    )
                )
            )
            wait_until_blocked(connection)
            connection.execute("SELECT FROM user_link FOR UPDATE NOWAIT")
        assert finish()


def lock_user(connection: psycopg.Connection, person: SignedIn) -> None:
    connection.execute("SELECT FROM web_user WHERE id = %s FOR NO KEY UPDATE", (person.user_id,))

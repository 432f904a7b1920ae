"""The settings pages: members, account and audit, and all pages for each role and no other_user."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask

from app.api.context import context_of
from app.domain.role import Role
from app.errors import Conflict
from app.service import invitations, keys, members
from app.store import users
from app.store.connection import ReconnectingConnection
from tests.console.owners import EVIL, audited, owner
from tests.console.people import PASSWORD, SignedIn, add_user, browser_of, signed_in_as
from tests.console.rules import check_page
from tests.factories import add_account, connect, one
from workers.maintenance import Maintenance

__all__ = ["owner"]

PAGES = (
    "/console/accounts",
    "/console/keys",
    "/console/secrets",
    "/console/secrets/rotate",
    "/console/members",
    "/console/account",
    "/console/account/delete",
    "/console/account/delete-user",
    "/console/audit",
)
OWNERS_ONLY = {
    "/console/keys",
    "/console/secrets",
    "/console/secrets/rotate",
    "/console/account/delete",
    "/console/audit",
}


@pytest.mark.parametrize("path", PAGES)
def test_each_page_keeps_the_rules_for_each_role(owner: SignedIn, path: str) -> None:
    check_page(owner.get(path))
    for role in (Role.READER, Role.MEMBER):
        answer = owner.with_role(role).client.get(path)
        check_page(answer.data)
        assert answer.status_code == (403 if path in OWNERS_ONLY else 200), role


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_signed_in_sees_none(app: Flask, path: str) -> None:
    answer = browser_of(app).get(path)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/console/login?next={path}",
    )


def test_unknown_parameters_are_refused(owner: SignedIn) -> None:
    for path in PAGES:
        assert owner.client.get(f"{path}?nonsense=1").status_code == 400, path


# Members.


def test_an_owner_invites_a_member_who_joins(app: Flask, owner: SignedIn, database: str) -> None:
    form = {"email": "grace@example.com", "role": "member", "expiry": "7", "note": EVIL}
    assert owner.post("/console/members/invitations", form).status_code == 303
    document = check_page(owner.get("/console/members"))
    (link,) = re.findall(r"http://\S+/console/join/[\w-]{43}", document.text_content())
    assert link not in signed_in_as(app, owner.email, "acme").get("/console/members")
    assert audited(database, "invitation.create")[0] == owner.email
    assert owner.post("/console/members/link-stored").status_code == 303
    assert link not in owner.get("/console/members")

    with connect(database) as connection:
        number = one(connection, "SELECT id FROM invitation")
    assert owner.post(f"/console/members/invitations/{number}/revoke").status_code == 303
    assert owner.post(f"/console/members/invitations/{number + 1}/revoke").status_code == 404
    assert owner.post(f"/console/members/invitations/{2**70}/revoke").status_code == 404


def test_an_invitation_is_shown_for_as_long_as_it_can_be_used(
    app: Flask, owner: SignedIn, database: str
) -> None:
    old = invitations.create(context_of(app), owner.account, note="made long ago").invitation
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO invitation (digest, account_id, note, expires_at, revoked_at)"
            " SELECT sha256(n::text::bytea), %s, 'revoked', now() + interval '1 day', now()"
            " FROM generate_series(1, 250) n",
            [owner.account.id],
        )
    shown = check_page(owner.get("/console/members"))
    assert [
        each.get("id") for each in shown.xpath("//table[@aria-label='Invitations']//tr[@id]")
    ] == [f"invitation-{old.id}"]
    assert owner.post(f"/console/members/invitations/{old.id}/revoke").status_code == 303
    assert "made long ago" not in owner.get("/console/members")


def test_roles_change_and_members_leave_but_one_owner_stays(
    app: Flask, owner: SignedIn, database: str
) -> None:
    member = owner.with_role(Role.MEMBER)
    mine, other = f"/console/members/{owner.user_id}", f"/console/members/{member.user_id}"
    for path in (f"{mine}/role", f"{mine}/remove"):
        answer = owner.post(path, {"role": "member"})
        assert answer.status_code == 409
        assert "is the last owner" in check_page(answer.data).text_content()
    assert member.post(f"{other}/role", {"role": "owner"}).status_code == 403
    assert member.post(f"{mine}/remove").status_code == 404
    assert owner.post(f"{other}/role", {"role": "god"}).status_code == 400
    assert owner.post(f"{other}/role", {"role": "owner"}).status_code == 303
    assert audited(database, "member.role")[2] == member.email
    assert member.get("/console/keys")
    check_page(owner.get(f"{mine}/remove"))
    assert owner.post(f"{mine}/remove").headers["Location"] == "/console/accounts"
    assert "You are not a member of any account" in owner.get("/console/accounts")
    assert owner.client.get("/console/keys").headers["Location"] == "/console/accounts"


def test_two_owners_who_remove_each_other_at_once_leave_one(app: Flask, owner: SignedIn) -> None:
    other = owner.with_role(Role.OWNER, "grace@example.com")
    barrier = threading.Barrier(2)
    lock = users.role_of

    def at_once(*arguments: Any) -> Any:
        """Both transactions have the chance to read before either of them writes."""
        if not barrier.broken:
            with suppress(threading.BrokenBarrierError):
                barrier.wait(1)
        return lock(*arguments)

    def remove(user_id: int) -> bool:
        try:
            members.remove(context_of(app), owner.account, user_id)
        except Conflict:
            return False
        return True

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(users, "role_of", at_once)
        removed = list(pool.map(remove, (owner.user_id, other.user_id)))
    assert sorted(removed) == [False, True]
    assert len(members.list_members(context_of(app), owner.account)) == 1


def test_an_owner_makes_a_password_link_for_a_member(owner: SignedIn, database: str) -> None:
    member = owner.with_role(Role.MEMBER)
    assert owner.post(f"/console/members/{member.user_id}/reset").status_code == 303
    assert "/console/reset/" in owner.get("/console/members")
    assert audited(database, "user.link") == (owner.email, "127.0.0.1", member.email)


# The account.


def test_preferences_are_stored_and_checked(owner: SignedIn) -> None:
    good = {"name": "Ada " + EVIL, "zone": "Asia/Kathmandu", "hours": "12", "theme": "dark"}
    assert owner.post("/console/account/preferences", good).status_code == 303
    page = owner.get("/console/account")
    document = check_page(page)
    assert document.get_element_by_id("field-name").get("value") == good["name"]
    assert document.get("data-theme") == "dark"
    assert "Asia/Kathmandu" in page
    check_page(owner.get("/console/members"))
    for wrong in ({"zone": "Mars/Olympus"}, {"hours": "13"}, {"theme": EVIL}, {"name": "x" * 101}):
        answer = owner.post("/console/account/preferences", {**good, **wrong})
        assert answer.status_code == 400, wrong
        check_page(answer.data)


def test_sessions_are_listed_and_ended(app: Flask, owner: SignedIn, other_user: SignedIn) -> None:
    second, third = (signed_in_as(app, owner.email, "acme") for _ in range(2))
    page = check_page(owner.get("/console/account"))
    ids = [int(each.get("id").split("-")[1]) for each in page.xpath("//tr[@id]")]
    assert len(ids) == 3
    strange = check_page(other_user.get("/console/account")).xpath("//tr[@id]")[0].get("id")
    foreign = int(strange.split("-")[1])
    for number in (foreign, 10**30, 0):
        assert owner.post(f"/console/account/sessions/{number}/end").status_code == 404
    assert other_user.client.get("/console/account").status_code == 200

    assert owner.post("/console/account/sessions/end-others").status_code == 303
    assert "2 other sessions have ended" in owner.get("/console/account")
    for ended in (second, third):
        assert ended.client.get("/console/account").status_code == 303


def test_a_deleted_account_is_gone_after_maintenance(
    app: Flask, owner: SignedIn, database: str
) -> None:
    path = "/console/account/delete"
    for form, status in (
        ({"account": "other", "password": PASSWORD}, 400),
        ({"account": "acme", "password": "wrong"}, 400),
        ({"account": "acme", "password": PASSWORD}, 303),
    ):
        answer = owner.post(path, form)
        assert answer.status_code == status, form
    assert audited(database, "account.delete")[:2] == (owner.email, "127.0.0.1")

    maintenance = Maintenance(ReconnectingConnection(database, "maintenance"), retention_days=30)
    maintenance.run_once()
    maintenance.close()
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM account") == 0
    assert "You are not a member of any account" in owner.get("/console/accounts")
    assert app


def test_a_suspended_account_is_seen_and_not_changed(owner: SignedIn, database: str) -> None:
    with connect(database) as connection:
        connection.execute("UPDATE account SET suspended_at = clock_timestamp()")
    check_page(owner.get("/console/keys"))
    assert owner.post("/console/keys", {"scope": "read"}).status_code == 403
    assert owner.post("/console/account/sessions/end-others").status_code == 303


# Audit.


def test_the_log_is_filtered_and_comes_in_pages(owner: SignedIn, database: str) -> None:
    owner.post("/console/secrets/rotate", {"overlap": "3600"})
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO audit (account_id, user_email, address, action, object, detail)"
            " SELECT %s, %s, %s, 'key.create', %s, %s FROM generate_series(1, 60)",
            [owner.account.id, "x@y", EVIL, EVIL, EVIL],
        )
    document = check_page(owner.get("/console/audit"))
    assert len(document.xpath("//tbody/tr")) == 50
    (older,) = document.xpath("//a[@rel='next']/@href")
    assert len(check_page(owner.get(older)).xpath("//tbody/tr")) >= 10
    narrow = f"/console/audit?action=secret.rotate&user={owner.email}&key="
    assert len(check_page(owner.get(narrow)).xpath("//tbody/tr")) == 1
    assert "No match" in owner.get("/console/audit?user=nobody@example.com")
    for wrong in ("action=x", "key=x", "user=x", "cursor=x", "after=x"):
        answer = owner.client.get(f"/console/audit?{wrong}")
        assert answer.status_code == 400
        check_page(answer.data)


# Strangers.


def test_nothing_of_another_account_is_found(
    app: Flask, owner: SignedIn, other_user: SignedIn, database: str
) -> None:
    context = context_of(app)
    made = invitations.create(context, owner.account)
    (key,) = keys.list_keys(context, "acme")
    for method, path in (
        ("GET", f"/console/keys/{key.id}"),
        ("GET", f"/console/keys/{key.id}/revoke"),
        ("POST", f"/console/keys/{key.id}/revoke"),
        ("POST", f"/console/keys/{key.id}/stored"),
        ("POST", f"/console/members/invitations/{made.invitation.id}/revoke"),
        ("POST", f"/console/members/{owner.user_id}/role"),
        ("POST", f"/console/members/{owner.user_id}/reset"),
        ("POST", f"/console/members/{owner.user_id}/remove"),
        ("GET", f"/console/members/{owner.user_id}/remove"),
    ):
        if method == "GET":
            answer = other_user.client.get(path)
        else:
            answer = other_user.post(path, {"role": "member"})
        assert answer.status_code == 404, path
        check_page(answer.data)
    assert "acme" not in other_user.get("/console/audit")
    assert other_user.client.get(f"/console/keys?cursor={key.id}").status_code == 400
    with connect(database) as connection:
        assert add_account(connection)
        assert one(connection, "SELECT count(*) FROM api_key WHERE revoked_at IS NULL") >= 1
    assert owner.get(f"/console/keys/{key.id}")


def test_a_user_who_is_named_like_markup_is_text(app: Flask, owner: SignedIn) -> None:
    add_user(app, "<b>@x.example", "acme", Role.READER)
    page = owner.get("/console/members")
    check_page(page)
    assert "<b>@x" not in page

"""Key pages: a new key is shown once, to its maker, and keys come in pages."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.api.context import context_of
from app.domain.role import Role
from app.domain.scope import Scope
from app.service import keys, members
from tests.console.owners import EVIL, audited, owner
from tests.console.people import PASSWORD, SignedIn, add_user, find_account, post, signed_in_as
from tests.console.rules import check_page

__all__ = ["owner"]


def test_a_new_key_is_shown_until_it_is_stored(app: Flask, owner: SignedIn, database: str) -> None:
    form = {"label": "invoices", "scope": "book", "expiry": "30", "app": ""}
    answer = owner.post("/console/keys", form)
    path = answer.headers["Location"]
    page = owner.get(path)
    check_page(page)
    found = re.search(r"wk_\w{48}", page)
    assert found is not None
    text = found[0]
    assert app.test_client().get("/1/account", headers={"X-API-Key": text}).status_code == 200
    assert text in owner.get(path)
    assert text not in signed_in_as(app, owner.email, "acme").get(path)
    assert audited(database, "key.create")[:2] == (owner.email, "127.0.0.1")
    assert f"by {owner.email}" in owner.get("/console/keys")

    assert owner.post(f"{path}/stored").status_code == 303
    assert text not in owner.get(path)
    check_page(owner.get(f"{path}/revoke"))
    assert owner.post(f"{path}/revoke").status_code == 303
    assert "is revoked" in owner.get("/console/keys")
    assert app.test_client().get("/1/account", headers={"X-API-Key": text}).status_code == 401


def test_who_uses_the_browser_next_sees_no_key_and_no_link(app: Flask, owner: SignedIn) -> None:
    add_user(app, "next@example.com", "other")
    form = {"email": "next@example.com", "password": PASSWORD}
    for leave in (True, False):
        signed_in = owner.with_role(Role.OWNER)
        key_form = {"label": "", "scope": "book", "expiry": "", "app": ""}
        assert signed_in.post("/console/keys", key_form).status_code == 303
        invitation = {"email": "", "role": "member", "expiry": "7", "note": ""}
        assert signed_in.post("/console/members/invitations", invitation).status_code == 303
        for page, shown in (("start", r"wk_\w{48}"), ("members", "/console/join/")):
            assert re.search(shown, signed_in.get(f"/console/{page}"))
        if leave:
            assert signed_in.post("/console/logout").status_code == 303
        place = "/console/login" if leave else "/console/accounts"
        assert post(signed_in.client, "/console/login", form, page=place).status_code == 303
        for page, shown in (("start", r"wk_\w{48}"), ("members", "/console/join/")):
            assert not re.search(shown, signed_in.get(f"/console/{page}"))


def test_keys_and_links_are_shown_on_pages_of_their_account_only(
    app: Flask, owner: SignedIn
) -> None:
    add_user(app, owner.email, "second")
    members.set_operator(context_of(app), owner.email, operator=True)
    shown = (("start", r"wk_\w{48}"), ("members", "/console/join/"), ("admin", "/console/join/"))

    def seen() -> list[bool]:
        return [re.search(each, owner.get(f"/console/{page}")) is not None for page, each in shown]

    owner.post("/console/keys", {"label": "", "scope": "book", "expiry": "", "app": ""})
    invitation = {"email": "", "role": "member", "expiry": "7", "note": ""}
    owner.post("/console/members/invitations", invitation)
    assert seen() == [True, True, False]
    for name, found in (("second", False), ("acme", True)):
        account = find_account(app, name)
        assert owner.post("/console/switch", {"account": account.id}).status_code == 303
        assert seen() == [found, found, False]
    owner.post("/console/admin/invitations", {"note": ""})
    assert seen() == [True, False, True]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"scope": "everything"}, "The scope is unknown"),
        ({"scope": "read", "expiry": "1000"}, "The expiry is unknown"),
        ({"scope": "read", "label": "x" * 101}, "The label is too long"),
        ({"scope": "admin", "app": "films"}, "cannot have the scope admin"),
        ({"scope": "book", "app": EVIL}, "has no Dapr app"),
    ],
)
def test_a_wrong_key_is_refused_in_the_page(
    owner: SignedIn, form: dict[str, str], told: str
) -> None:
    answer = owner.post("/console/keys", form)
    document = check_page(answer.data)
    assert answer.status_code in {400, 404}
    assert told in document.get_element_by_id("problem").text_content()


def test_keys_come_in_pages(app: Flask, owner: SignedIn) -> None:
    with app.app_context():
        for number in range(60):
            keys.create(context_of(app), "acme", f"key {number}" + EVIL, scope=Scope.READ)
    document = check_page(owner.get("/console/keys"))
    assert len(document.xpath("//tbody/tr")) == 50
    (older,) = document.xpath("//a[@rel='next']/@href")
    assert len(check_page(owner.get(older)).xpath("//tbody/tr")) == 11

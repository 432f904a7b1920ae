"""Suspension pages: operators suspend and resume accounts, with a reason and their password."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask

from app.api.context import context_of
from app.service import account_lifecycle, members
from app.store import suspension
from tests.console.people import PASSWORD, SignedIn
from tests.console.rules import check_page
from tests.factories import one

SUSPEND = "/console/admin/accounts/suspend"
RESUME = "/console/admin/accounts/resume"
FORM = {"account": "other", "reason": "unpaid <b>bill</b>", "password": PASSWORD}


@pytest.fixture
def operator(app: Flask, signed_in: SignedIn) -> SignedIn:
    members.set_operator(context_of(app), signed_in.email, operator=True)
    return signed_in


def suspended(connection: psycopg.Connection) -> bool:
    return bool(
        one(connection, "SELECT suspended_at IS NOT NULL FROM account WHERE name = 'other'")
    )


def test_an_account_is_suspended_and_resumed(
    operator: SignedIn, other_user: SignedIn, connection: psycopg.Connection
) -> None:
    row = f"//tr[@id='account-{other_user.account.id}']"
    (link,) = check_page(operator.get("/console/admin")).xpath(f"{row}//a/@href")
    assert link == f"{SUSPEND}?account=other"
    check_page(operator.get(link))

    assert operator.post(SUSPEND, FORM).headers["Location"] == "/console/admin#accounts"
    assert suspended(connection)
    page = check_page(operator.get("/console/admin"))
    assert "suspended" in page.xpath(f"string({row})")
    (link,) = page.xpath(f"{row}//a/@href")
    assert link == f"{RESUME}?account=other"
    assert "suspended since" in check_page(other_user.get("/console/account")).text_content()
    # Its owner sees who did it, and why.
    log = check_page(other_user.get("/console/audit")).text_content()
    assert "account.suspend" in log
    assert "unpaid <b>bill</b>" in log
    assert operator.email in log

    check_page(operator.get(link))
    assert operator.post(RESUME, {**FORM, "reason": "paid"}).status_code == 303
    assert not suspended(connection)
    assert one(connection, "SELECT detail FROM audit WHERE action = 'account.resume'") == "paid"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": "wrong horse"}, "password"),
        ({"password": ""}, "password"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\x00b"}, "reason"),
    ],
)
def test_nothing_is_suspended_without_password_and_reason(
    operator: SignedIn,
    other_user: SignedIn,
    connection: psycopg.Connection,
    changed: dict[str, str],
    field: str,
) -> None:
    assert other_user.account.name == "other"
    refused = operator.post(SUSPEND, {**FORM, **changed})
    assert refused.status_code == 400
    assert check_page(refused.text).xpath(f"//*[@id='fault-{field}']")
    assert not suspended(connection)


def test_what_is_not_there_or_being_deleted_is_refused(
    app: Flask, operator: SignedIn, other_user: SignedIn
) -> None:
    assert operator.client.get(f"{SUSPEND}?account=nobody").status_code == 404
    assert operator.post(SUSPEND, {**FORM, "account": "no\x00body"}).status_code == 404
    account_lifecycle.begin_deletion(context_of(app), other_user.account, by=other_user.user_id)
    refused = operator.post(RESUME, FORM)
    assert refused.status_code == 409
    assert "is being deleted" in check_page(refused.text).text_content()


def test_a_long_resumption_is_left_to_maintenance(
    operator: SignedIn, other_user: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operator.post(SUSPEND, FORM).status_code == 303
    released = []

    def release(_: psycopg.Connection, account_id: int) -> object:
        while True:
            released.append(account_id)
            yield suspension.AT_ONCE

    monkeypatch.setattr(suspension, "release", release)
    assert operator.post(RESUME, FORM).status_code == 303
    assert released == [other_user.account.id] * 10


@pytest.mark.parametrize("path", [SUSPEND, RESUME])
def test_for_others_there_is_no_such_page(signed_in: SignedIn, path: str) -> None:
    assert signed_in.client.get(f"{path}?account=demo").status_code == 404
    assert signed_in.post(path, {**FORM, "account": "demo"}).status_code == 404

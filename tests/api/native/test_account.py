"""GET /1/account: who one is here, and what one may have."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from app.api.context import current_context
from app.api.native.codecs import generic_codec
from app.api.native.documents import account as account_document
from app.domain.account import Account, AccountDates, Caller
from app.domain.limits import BY_NAME, TABLE
from app.domain.scope import Scope
from app.service import accounts, keys
from app.service.limits import State
from tests.api.golden import golden
from tests.factories import connect

DATES = AccountDates(
    created_at=datetime(2026, 11, 15, 9, 30, tzinfo=UTC),
    suspended_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
)
CALLER = Caller(
    account=Account(id=1, name="demo"),
    key_id="4Ck0bGZy7T",
    now=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    scope=Scope.READ,
)
STATES = (
    State(limit=BY_NAME["jobs"], allowed=1_000_000, used=12, own=False),
    State(limit=BY_NAME["storedBytes"], allowed=None, used=3456, own=True),
    State(limit=BY_NAME["followers"], allowed=1_000, used=None, own=False),
)


def test_an_account_is_written_as_in_the_golden_files() -> None:
    shown = account_document.render(CALLER, DATES, STATES)
    assert generic_codec.to_json("account", shown) == golden("account.response.json")
    assert generic_codec.to_xml("account", shown) == golden("account.response.xml")


def test_an_account_sees_its_own_limits(app: Flask, client: FlaskClient, key: str) -> None:
    del key
    with app.app_context():
        accounts.set_limits(current_context(), "account-1", {"jobs": 7, "followers": "off"})
    answer = client.get("/1/account").get_json()
    assert answer["account"] == "account-1"
    assert list(answer["limits"]) == [each.name for each in TABLE]
    assert answer["limits"]["jobs"]["limit"] == 7
    assert answer["limits"]["followers"] == {"limit": None}
    assert answer["limits"]["daprApps"] == {"limit": 10_000, "used": 0}
    root = etree.fromstring(client.get("/1/account", headers={"Accept": "text/xml"}).data)
    assert (root.findtext("account"), root.findtext("limits/jobs/limit")) == ("account-1", "7")


def test_an_account_sees_since_when_it_exists_and_is_suspended(
    client: FlaskClient, database: str
) -> None:
    begun = client.get("/1/account").get_json()
    assert datetime.fromisoformat(begun["created"]) <= datetime.now(UTC)
    assert "suspended" not in begun
    with connect(database) as connection:
        connection.execute("UPDATE account SET suspended_at = '2026-01-02T03:04:05Z'")
    shown = client.get("/1/account").get_json()
    assert (shown["suspended"], shown["created"]) == ("2026-01-02T03:04:05Z", begun["created"])
    root = etree.fromstring(client.get("/1/account", headers={"Accept": "text/xml"}).data)
    assert [each.tag for each in root] == ["account", "created", "suspended", "key", "limits"]


def test_an_account_sees_what_its_key_may_do(app: Flask, client: FlaskClient) -> None:
    assert client.get("/1/account").get_json()["key"]["scope"] == "admin"
    with app.app_context():
        text = keys.create(current_context(), "account-1", "", app=None, scope=Scope.READ)
    bare = app.test_client()
    shown = bare.get("/1/account", headers={"Authorization": f"Bearer {text}"}).get_json()
    assert shown["key"] == {"id": text.removeprefix("wk_")[:10], "scope": "read"}


def test_a_key_is_needed_and_text_is_not_offered(client: FlaskClient) -> None:
    nobody = client.get("/1/account", headers={"X-API-Key": "x"})
    text = client.get("/1/account", headers={"Accept": "text/plain"})
    assert (nobody.status_code, text.status_code) == (401, 406)

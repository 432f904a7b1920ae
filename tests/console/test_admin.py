"""The operator's page: the state of the service, invitations, and nothing for anybody else."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.api.context import context_of
from app.domain.invitation import BetaRequest
from app.service import members, sign_up
from app.store import beta_requests, heartbeats
from tests.console.people import SignedIn
from tests.console.rules import check_page
from tests.factories import connect

ADMIN = "/console/admin"


@pytest.fixture
def operator(app: Flask, signed_in: SignedIn) -> SignedIn:
    members.set_operator(context_of(app), signed_in.email, operator=True)
    return signed_in


def text_of(person: SignedIn, path: str = ADMIN) -> str:
    return " ".join(check_page(person.get(path)).text_content().split())


def test_an_empty_service_says_what_is_missing(operator: SignedIn) -> None:
    text = text_of(operator)
    assert "no calls are made" in text
    assert "No calls are held back" in text
    assert "There are no open requests" in text
    assert "WAKECALL_SMTP_URL is not set" in text
    assert "demo" in text
    assert "Operator" in check_page(operator.get("/console/accounts")).text_content()


def test_processes_and_held_destinations_of_all_accounts_are_shown(
    operator: SignedIn, other_user: SignedIn, database: str
) -> None:
    with connect(database) as connection:
        rows = [[other_user.account.id, "https://down.example:443", "down", 1, 1234, 9.0]]
        heartbeats.beat(connection, "worker", "host.42", rows)
        heartbeats.beat(connection, "scheduler", "host.7")
        connection.execute(
            "UPDATE heartbeat SET beaten_at = now() - interval '1 h' WHERE process = 'scheduler'"
        )
    page = check_page(operator.get(ADMIN))
    held = page.xpath("string(//tr[@id='held-1'])")
    assert "https://down.example:443" in held
    assert "other" in held
    assert "1,234" in held
    processes = page.xpath("//tr[starts-with(@id, 'process-')]")
    assert ["no heartbeat" in each.text_content() for each in processes] == [True, False]


def test_a_request_is_accepted_and_the_link_shown_until_it_is_stored(
    app: Flask, operator: SignedIn
) -> None:
    sign_up.request(context_of(app), "grace@example.com", "<b>Bills</b>", "198.51.100.7")
    page = check_page(operator.get(ADMIN))
    assert "<b>Bills</b>" in page.text_content()

    assert (
        operator.post(f"{ADMIN}/requests/accept", {"email": "grace@example.com"}).status_code == 303
    )
    text = text_of(operator)
    assert "/console/join/" in text
    assert "There are no open requests" in text
    assert operator.post(f"{ADMIN}/link-stored").status_code == 303
    assert "/console/join/" not in text_of(operator)


def test_of_thousands_of_requests_only_those_shown_are_read(
    operator: SignedIn, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO beta_request (email, purpose)"
            " SELECT n || '@example.com', repeat('x', 1000) FROM generate_series(1, 3000) n"
        )
    read: list[str] = []

    def counted(**members: Any) -> BetaRequest:
        read.append(members["email"])
        return BetaRequest(**members)

    monkeypatch.setattr(beta_requests, "BetaRequest", counted)
    page = check_page(operator.get(ADMIN), most_bytes=120_000)
    assert len(page.xpath("//tr[starts-with(@id, 'request-')]")) == 50
    assert "beta list" in page.text_content()
    assert read == [f"{number}@example.com" for number in range(1, 52)]


def test_invitations_are_made_and_revoked(operator: SignedIn) -> None:
    assert operator.post(f"{ADMIN}/invitations", {"note": "Ada"}).status_code == 303
    page = check_page(operator.get(ADMIN))
    (form,) = page.xpath("//form[contains(@action, '/revoke')]")
    assert operator.post(form.get("action")).status_code == 303
    assert "revoked" in text_of(operator)
    refused = operator.post(f"{ADMIN}/invitations", {"email": "not an address"})
    assert refused.status_code == 400
    assert check_page(refused.text).xpath("//*[@id='fault-email']")
    assert operator.post(f"{ADMIN}/invitations/{2**70}/revoke").status_code == 404


def test_accounts_are_paged(operator: SignedIn, database: str) -> None:
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO account (name) SELECT 'many-' || n FROM generate_series(1, 40) n"
        )
    page = check_page(operator.get(ADMIN))
    (older,) = page.xpath("//a[@rel='next']/@href")
    assert len(page.xpath("//tr[starts-with(@id, 'account-')]")) == 25
    second = check_page(operator.get(older))
    assert "demo" in second.text_content()
    assert operator.client.get(f"{ADMIN}?cursor=x").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ADMIN),
        ("POST", f"{ADMIN}/invitations"),
        ("POST", f"{ADMIN}/invitations/1/revoke"),
        ("POST", f"{ADMIN}/requests/accept"),
        ("POST", f"{ADMIN}/link-stored"),
    ],
)
def test_for_others_there_is_no_such_page(signed_in: SignedIn, method: str, path: str) -> None:
    answer = signed_in.client.get(path) if method == "GET" else signed_in.post(path)
    assert answer.status_code == 404

"""Tests of the client's keys, secrets, apps, runners, inboxes and figures of the account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from wakecall import (
    Client,
    Conflict,
    Forbidden,
    InvalidMember,
    NotConfigured,
    NotFound,
    ProblemError,
    Unauthenticated,
    Webhook,
)

URL = "https://example.com/wake"


def test_keys_are_created_listed_and_revoked(client: Client, http: httpx2.Client) -> None:
    expires = datetime(2031, 1, 1, tzinfo=UTC)
    made = client.keys.create("read", label="dashboard", expires=expires)
    assert (made.scope, made.label, made.expires) == ("read", "dashboard", expires)
    assert made.value is not None
    assert made.value not in repr(made)
    assert [key.id for key in client.keys.list()][-1] == made.id
    assert client.keys.get(made.id).value is None
    reader = Client(made.value, url="http://localhost", http=http)
    with pytest.raises(Forbidden) as caught:
        reader.jobs.book(URL, after="1h")
    assert caught.value.code == "insufficient-scope"
    client.keys.revoke(made.id)
    with pytest.raises(Unauthenticated):
        reader.account()


def test_secrets_are_rotated_and_verify_what_both_sign(client: Client) -> None:
    (old,) = client.secrets.list()
    new, replaced = client.secrets.rotate(overlap="1h")
    assert (replaced.value, new.expires) == (old.value, None)
    assert replaced.expires is not None
    assert old.value not in repr(client.secrets.list())
    webhook = Webhook(*(secret.value for secret in client.secrets.list()))
    assert webhook.verify(b"", Webhook(old.value).sign(b"", id="7")).id == "7"


def test_apps_and_runners_are_put_and_deleted(client: Client) -> None:
    app = client.apps.put("job-service", "https://jobs.example.com", token="t", protocol="grpc")
    assert (app.has_token, app.protocol) == (True, "grpc")
    assert client.apps.put("job-service", "https://jobs.example.com/x", keep_token=True).has_token
    assert [each.id for each in client.apps.list()] == ["job-service"]
    client.apps.delete("job-service")
    with pytest.raises(NotFound):
        client.apps.get("job-service")
    assert client.runners.put("spark", "https://example.com/runner").type == "spark"
    assert client.runners.list() == (client.runners.get("spark"),)
    client.runners.delete("spark")
    assert client.runners.list() == ()


def test_inboxes_are_made_changed_and_deleted(client: Client) -> None:
    inbox = client.inboxes.create(label="orders", answer="500")
    changed = client.inboxes.change(inbox, label="orders", answer="204")
    assert (changed.answer, changed.url) == ("204", inbox.url)
    assert client.inboxes.list() == (client.inboxes.get(inbox.id),)
    assert client.inboxes.calls_after(inbox, wait=0) == ()
    assert list(client.inboxes.calls(inbox)) == []
    with pytest.raises(NotFound):
        client.inboxes.call(inbox, 1)
    client.inboxes.delete(inbox)
    with pytest.raises(NotFound):
        client.inboxes.get(inbox)


def test_figures_of_the_account(client: Client) -> None:
    client.jobs.book(URL, after="30m", name="soon", tags=["a"])
    account = client.account()
    assert account.limits["jobs"].used == 1
    assert client.accuracy().hour.deliveries == 0
    (firing,) = client.upcoming(tags=["a"], name_prefix="so", kind="once")
    assert (firing.name, firing.recurring) == ("soon", False)
    assert list(client.upcoming(until=datetime.now(UTC))) == []
    assert sum(hour.firings for hour in client.upcoming_counts().hours) == 1
    assert client.destinations().destinations == ()
    assert [entry.action for entry in client.audit(action="account.create")] == ["account.create"]


def test_a_local_time_is_previewed_in_its_zone(client: Client) -> None:
    local = datetime(2099, 7, 1, 10)  # noqa: DTZ001 - of a zone
    found = client.preview(when=local, timezone="Europe/Berlin")
    assert [each.utc for each in found.next] == [datetime(2099, 7, 1, 8, tzinfo=UTC)]


def test_schedules_are_previewed(client: Client) -> None:
    after = datetime(2027, 3, 7, 12, tzinfo=UTC)
    found = client.preview(
        cron="0 30 1,2 ? * SUN", timezone="America/New_York", after=after, count=2
    )
    assert [each.local.hour for each in found.next] == [1, 1]
    assert found.next[0].local == found.next[0].utc
    assert (found.minimum_gap, found.bookable) == (timedelta(hours=1), True)
    assert not client.preview(cron="0 * * * * ?").bookable
    dapr = client.preview(dialect="dapr", schedule={"schedule": "@every 1h"})
    assert dapr.minimum_gap == timedelta(hours=1)


def test_any_request_can_be_sent(client: Client) -> None:
    answer = client.request("GET", "/1/jobs", params={"limit": 5})
    assert (answer.status, answer.json()) == (200, [])
    document = {"url": URL, "when": "2031-05-11T15:30:00Z"}
    made = client.request(
        "post", "/1/jobs", json=document, headers={"Idempotency-Key": "k", "Accept": "text/plain"}
    )
    again = client.request("POST", "/1/jobs", json=document, idempotency_key="k")
    assert (made.status, again.text) == (201, made.text)
    assert again.headers["idempotency-replayed"] == "true"
    xml = b"<job><url>https://example.com/x</url><when>2031-05-11T15:30:00Z</when></job>"
    assert client.request(
        "POST", "/1/jobs", data=xml, headers={"Content-Type": "text/xml"}
    ).request_id
    with pytest.raises(InvalidMember) as caught:
        client.request("GET", "/1/jobs", params={"tga": "x"})
    assert caught.value.problem.document["type"] == "/problems/invalid-member"
    with pytest.raises(ProblemError) as refused:
        client.request("PATCH", "/1/jobs")
    assert refused.value.status == 405
    for method, path in (("GET", "1/jobs"), ("GET", "//x/1"), ("GE T", "/1/jobs")):
        with pytest.raises(ValueError, match=r"path|method"):
            client.request(method, path)


def test_a_client_without_a_key_says_so_before_it_sends(http: httpx2.Client) -> None:
    client = Client(url="http://localhost", http=http)
    with pytest.raises(NotConfigured, match="WAKECALL_KEY"):
        client.account()


def test_the_key_of_another_account_is_refused(
    http: httpx2.Client, make_account: Callable[[], tuple[str, str]]
) -> None:
    (mine, key), (other, _) = make_account(), make_account()
    assert Client(key, url="http://localhost", http=http, account=mine).account().name == mine
    with pytest.raises(Unauthenticated):
        Client(key, url="http://localhost", http=http, account=other).account()


def test_what_is_in_the_way_is_a_conflict(client: Client) -> None:
    (only,) = client.keys.list()
    with pytest.raises(Conflict):
        client.keys.revoke(only.id)

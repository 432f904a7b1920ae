"""The inbox: it accepts only signed calls, and shows how late they were."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from standardwebhooks import Webhook

from local.demonstration import arrived
from local.inbox import Inbox, late_ms

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "A" * 32


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def secrets() -> list[str]:
    return [OTHER, SECRET]


@pytest.fixture
def inbox(lines: list[str], secrets: list[str]) -> Iterator[Inbox]:
    made = Inbox("127.0.0.1", 0, lambda: tuple(secrets), lines.append)
    yield made
    made.close()


def call(inbox: Inbox, body: bytes, secret: str = SECRET, **headers: str) -> int:
    now = datetime.now(UTC)
    signature = Webhook(secret).sign("run-1", now, body.decode())
    connection = http.client.HTTPConnection("127.0.0.1", inbox.port, timeout=10)
    sent = {
        "webhook-id": "run-1",
        "webhook-timestamp": f"{int(now.timestamp())}",
        "webhook-signature": signature,
        "Wakecall-Scheduled-For": (now - timedelta(milliseconds=250)).isoformat(),
        "Wakecall-Attempt": "1",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection.request("POST", "/welcome", body, sent)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_signed_callback_is_taken_and_reported_with_its_lateness(
    inbox: Inbox, lines: list[str]
) -> None:
    assert call(inbox, b"Good morning!") == 204
    assert inbox.received.wait(10)

    found = re.fullmatch(
        r"POST /welcome 'Good morning!': signature verified, (\d+\.\d) ms late", lines[0]
    )
    assert found is not None
    assert 250 <= float(found[1]) < 30_000


def test_nobody_waits_for_a_callback_of_an_inbox_that_is_closed(inbox: Inbox) -> None:
    waiting = Thread(target=arrived, args=(inbox.received,), daemon=True)
    waiting.start()

    inbox.close()

    waiting.join(10)
    assert not waiting.is_alive()


def test_a_forged_callback_is_refused_and_reported(inbox: Inbox, lines: list[str]) -> None:
    assert call(inbox, b"x", secret="whsec_" + "B" * 32) == 401
    assert "SIGNATURE NOT VERIFIED" in lines[0]


def test_a_changed_body_is_refused(inbox: Inbox) -> None:
    assert (
        call(inbox, b"x", webhook_signature=Webhook(SECRET).sign("run-1", datetime.now(UTC), "y"))
        == 401
    )


def test_a_secret_that_was_rotated_meanwhile_is_asked_for(inbox: Inbox, secrets: list[str]) -> None:
    assert call(inbox, b"before") == 204
    secrets[:] = ["whsec_" + "C" * 32]
    inbox._asked_in = 0
    assert call(inbox, b"after", secret=secrets[0]) == 204


def test_a_later_attempt_is_shown_as_one(inbox: Inbox, lines: list[str]) -> None:
    call(inbox, b"x", Wakecall_Attempt="3")

    assert lines[0].endswith("attempt 3")


def test_many_callbacks_a_second_are_summed_up(inbox: Inbox, lines: list[str]) -> None:
    for number in range(40):
        assert call(inbox, b"%d" % number) == 204

    shown = [line for line in lines if line.startswith("POST")]
    summed = [int(found[1]) for line in lines if (found := re.match(r"and (\d+) more", line))]
    assert len(shown) + sum(summed) <= 40
    assert len(shown) < 40


def test_a_port_that_is_taken_is_exchanged_for_another(inbox: Inbox) -> None:
    other = Inbox("127.0.0.1", inbox.port, tuple, lambda _: None)
    try:
        assert other.port not in {0, inbox.port}
    finally:
        other.close()


def test_lateness_needs_an_instant() -> None:
    assert late_ms("1970-01-01T00:00:01.500Z", 2.0) == 500
    assert late_ms("", 2.0) is None
    assert late_ms("soon", 2.0) is None

"""Tests of wakecall.webhook: what receivers accept and refuse."""

from __future__ import annotations

import base64
import email.message
import secrets as random
import wsgiref.headers
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from app.delivery.request import Delivery, build
from app.domain import secret as service_secrets
from wakecall import (
    Call,
    NoSignature,
    SignatureError,
    Stale,
    Webhook,
    WrongSignature,
    complete_later,
)

NOW = datetime(2026, 11, 22, 9, 30, 0, 7000, tzinfo=UTC)
AT = int(NOW.timestamp())
SECRET, OTHER = (service_secrets.new_secret() for _ in range(2))
BODY = "Grüße".encode()
SIGNED = Webhook(SECRET).sign(BODY, id="01a2", sent=NOW)


def verify(
    headers: Any = SIGNED, *secrets: str | bytes, body: Any = BODY, now: datetime = NOW
) -> Call:
    return Webhook(*(secrets or (SECRET,))).verify(body, headers, now=now)


def delivery(**further: Any) -> Delivery:
    made = Delivery(
        run_id=UUID(int=7),
        job_id=UUID(int=8),
        url="http://127.0.0.1:9/wake",
        content_type="text/plain",
        signature=None,
        data=BODY,
        due_at=NOW,
        attempt=2,
    )
    return made._replace(**further)


def received(sent: Delivery, *secrets: str) -> Call:
    call = build(sent, secrets, AT)
    headers = [line.split(": ", 1) for line in call.headers]
    return Webhook(SECRET).verify(call.body, [(name, value) for name, value in headers], now=NOW)


def test_a_call_of_the_service_is_read_whole() -> None:
    sent = delivery(lateness=timedelta(milliseconds=12), missed=3, completion_token="t1", depth=1)
    call = received(sent, OTHER, SECRET)
    assert call == Call(
        id=str(UUID(int=7)),
        sent=NOW.replace(microsecond=0),
        body=BODY,
        job=str(UUID(int=8)),
        due=NOW,
        attempt=2,
        lateness=timedelta(milliseconds=12),
        missed=3,
        depth=2,
        token="t1",
        content_type="text/plain",
    )
    assert call.text == "Grüße"


def test_an_event_names_its_run() -> None:
    call = received(delivery(is_event=True, data=b'{"type": "run.failed"}'), SECRET)
    assert (call.run, call.job, call.json()) == (str(UUID(int=8)), None, {"type": "run.failed"})


def test_a_call_cannot_be_changed_and_does_not_show_its_token() -> None:
    call = received(delivery(completion_token="t1"), SECRET)
    with pytest.raises(FrozenInstanceError):
        call.body = b""  # type: ignore[misc] # that it is refused is the point
    assert "t1" not in repr(call)


@given(body=st.text(), message_id=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True))
def test_signatures_are_those_of_standard_webhooks(body: str, message_id: str) -> None:
    own = Webhook(SECRET)
    peer = standardwebhooks.Webhook(SECRET)
    sent = datetime.now(UTC).replace(microsecond=0)
    headers = own.sign(body.encode(), id=message_id, sent=sent)
    peer.verify(body, headers, json_parse=False)
    assert peer.sign(message_id, sent, body) == headers["webhook-signature"]
    assert own.verify(body.encode(), headers).id == message_id


def test_a_body_need_not_be_text() -> None:
    body = random.token_bytes(2048)
    assert verify(Webhook(SECRET).sign(body, id="7", sent=NOW), body=body).body == body
    assert verify(Webhook(SECRET).sign(b"", id="7", sent=NOW), body=b"").body == b""
    assert verify(body=bytearray(BODY)).body == BODY
    assert verify(body=memoryview(BODY)).body == BODY


def _message(headers: dict[str, str]) -> email.message.Message:
    message = email.message.Message()
    for name, value in headers.items():
        message[name.title()] = value
    return message


HEADERS: dict[str, Callable[[dict[str, str]], object]] = {
    "mapping": dict,
    "upper case": lambda headers: {name.upper(): value for name, value in headers.items()},
    "bytes": lambda headers: {name.encode(): value.encode() for name, value in headers.items()},
    "ASGI": lambda headers: [(name.encode(), value.encode()) for name, value in headers.items()],
    "WSGI": lambda headers: {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()
    },
    "lists": lambda headers: {name: [value] for name, value in headers.items()},
    "http.server": _message,
    "wsgiref": lambda headers: wsgiref.headers.Headers(list(headers.items())),
    "httpx2": httpx2.Headers,
    "werkzeug": Headers,
}


@pytest.mark.parametrize("form", HEADERS.values(), ids=HEADERS)
def test_headers_may_have_any_form(form: Callable[[dict[str, str]], object]) -> None:
    call = verify(form({**SIGNED, "wakecall-job": "8", "content-type": "text/plain"}))
    assert (call.id, call.job) == ("01a2", "8")


def test_any_of_several_secrets_and_signatures_fits() -> None:
    assert verify(SIGNED, OTHER, SECRET).id == "01a2"
    both = Webhook(OTHER, SECRET).sign(BODY, id="01a2", sent=NOW)
    assert len(both["webhook-signature"].split()) == 2
    assert verify(both, SECRET).id == verify(both, OTHER).id == "01a2"
    unknown = {**SIGNED, "webhook-signature": f"v1a,x v2,ü {SIGNED['webhook-signature']}"}
    assert verify(unknown).id == "01a2"


def test_a_secret_may_be_the_key_itself() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert verify(SIGNED, key).id == verify(SIGNED, SECRET.removeprefix("whsec_")).id == "01a2"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"webhook-id": ""}, NoSignature),
        ({"webhook-id": "01a3"}, WrongSignature),
        # As aiohttp gives bytes that are not UTF-8.
        ({"webhook-id": "01a2\udcff"}, WrongSignature),
        ({"webhook-timestamp": str(AT + 1)}, WrongSignature),
        ({"webhook-timestamp": "١٢٣"}, NoSignature),
        ({"webhook-timestamp": "1e9"}, NoSignature),
        ({"webhook-timestamp": "9" * 40}, NoSignature),
        ({"webhook-timestamp": "99999999999"}, WrongSignature),
        ({"webhook-signature": "v1,"}, WrongSignature),
        ({"webhook-signature": "v1"}, WrongSignature),
        ({"webhook-signature": "v1,\udcff"}, WrongSignature),
        ({"webhook-signature": SIGNED["webhook-signature"].replace("v1,", "v2,")}, WrongSignature),
        ({"Webhook-Id": "01a2"}, NoSignature),
    ],
)
def test_a_changed_call_is_refused(change: dict[str, str], error: type[SignatureError]) -> None:
    with pytest.raises(error):
        verify({**SIGNED, **change})


def test_a_call_of_another_secret_or_body_is_refused() -> None:
    with pytest.raises(WrongSignature):
        verify(SIGNED, OTHER)
    with pytest.raises(WrongSignature):
        verify(body=b"Sleep on!")
    with pytest.raises(NoSignature):
        verify({})


def test_a_call_is_fresh_for_five_minutes_in_both_directions() -> None:
    for seconds in (-300, 300):
        assert verify(now=datetime.fromtimestamp(AT, UTC) + timedelta(seconds=seconds))
    for seconds in (-301, 301):
        with pytest.raises(Stale):
            verify(now=NOW + timedelta(seconds=seconds))
    lenient = Webhook(SECRET, tolerance=timedelta(hours=1))
    assert lenient.verify(BODY, SIGNED, now=NOW + timedelta(minutes=59))
    endless = Webhook(SECRET, tolerance=float("inf"))
    assert endless.verify(BODY, SIGNED, now=NOW + timedelta(days=9999))
    with pytest.raises(ValueError, match="NaN"):
        Webhook(SECRET, tolerance=float("nan"))


@pytest.mark.parametrize("body", ["Grüße", {"order": 7}, None])
def test_a_parsed_body_is_refused_with_the_reason(body: Any) -> None:
    with pytest.raises(TypeError, match="Verify the raw body"):
        verify(body=body)


def test_values_that_are_not_of_a_call_are_not_read() -> None:
    class Stream:
        def __str__(self) -> str:
            raise AssertionError("read")

    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in SIGNED.items()}

    assert verify({**environ, "wsgi.input": Stream(), "HTTP_X_TRACE": Stream()}).body == BODY


def test_headers_beside_the_signature_may_be_anything() -> None:
    strange = {
        "wakecall-attempt": "many",
        "wakecall-lateness-ms": "-1",
        "wakecall-scheduled-for": "yesterday",
        "wakecall-missed": "",
    }
    call = verify({**SIGNED, **strange})
    assert (call.attempt, call.lateness, call.due, call.missed) == (None, None, None, 0)
    assert verify({**SIGNED, "wakecall-scheduled-for": "2026-11-22T09:30:00"}).due is None


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", b"", "whsec_ü"])
def test_a_secret_that_cannot_be_read_is_refused(secret: str | bytes) -> None:
    with pytest.raises(ValueError, match="secret") as caught:
        Webhook(secret)
    assert "!" not in str(caught.value)
    with pytest.raises(ValueError, match="at least one"):
        Webhook()


def test_a_receiver_announces_its_result() -> None:
    assert complete_later() == {"Wakecall-Complete": "later; within=3600"}
    assert complete_later(within="2h") == {"Wakecall-Complete": "later; within=7200"}
    for within in (0, timedelta(days=8)):
        with pytest.raises(ValueError, match="604,800"):
            complete_later(within)

"""The check of signatures: those that delivery makes verify, and no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.delivery.signing import sign
from app.domain.inbox import Signature
from app.domain.secret import new_secret
from app.domain.signature import TOLERANCE_S, SignatureCheck

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
SECRET, OLDER = new_secret(), new_secret()
BODY = b"wake up" * 1000


def checked(
    signature: str,
    *,
    secrets: tuple[str, ...] = (SECRET, OLDER),
    timestamp: str = f"{NOW.timestamp():.0f}",
    body: bytes = BODY,
    message_id: str = "run-1",
) -> Signature:
    check = SignatureCheck(secrets, signature=signature, message_id=message_id, timestamp=timestamp)
    for start in range(0, len(body), 1000):
        check.update(body[start : start + 1000])
    return check.result(NOW)


def signed(*secrets: str, at: datetime = NOW) -> str:
    return sign(secrets, message_id="run-1", timestamp=int(at.timestamp()), body=BODY)


def test_any_valid_secret_of_the_account_verifies() -> None:
    assert checked(signed(SECRET)) is Signature.VERIFIED
    assert checked(signed(OLDER)) is Signature.VERIFIED
    assert checked(signed(new_secret(), OLDER)) is Signature.VERIFIED


def test_what_was_changed_or_signed_by_others_does_not() -> None:
    assert checked(signed(new_secret())) is Signature.INVALID
    assert checked(signed(SECRET), body=BODY + b"!") is Signature.INVALID
    assert checked(signed(SECRET), message_id="run-2") is Signature.INVALID
    assert checked(signed(SECRET), secrets=()) is Signature.INVALID
    assert checked("v1,\N{SNOWMAN}") is Signature.INVALID
    assert checked(" ") is Signature.MISSING


@pytest.mark.parametrize("off", [-TOLERANCE_S - 1, TOLERANCE_S + 1])
def test_a_signature_of_another_time_does_not(off: int) -> None:
    at = NOW + timedelta(seconds=off)
    assert checked(signed(SECRET, at=at), timestamp=f"{at.timestamp():.0f}") is Signature.INVALID


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1e9", "9" * 400, "\N{SUPERSCRIPT TWO}"])
def test_a_time_that_cannot_be_read_does_not(timestamp: str) -> None:
    assert checked(signed(SECRET), timestamp=timestamp) is Signature.INVALID

"""Signatures, checked by the Standard Webhooks library and by its published vector."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.delivery.signing import sign
from app.domain.secret import new_secret


def test_the_published_vector_holds() -> None:
    signature = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.text())
def test_the_library_verifies_what_is_signed(key: bytes, text: str) -> None:
    secret = "whsec_" + b64encode(key).decode()
    now = int(datetime.now(UTC).timestamp())
    body = text.encode("utf-8", "replace")
    headers = {
        "webhook-id": "0192f5a0-0000-7000-8000-000000000000",
        "webhook-timestamp": str(now),
        "webhook-signature": sign(
            [secret],
            message_id="0192f5a0-0000-7000-8000-000000000000",
            timestamp=now,
            body=body,
        ),
    }
    Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b"!", headers, json_parse=False)


def test_during_rotation_both_secrets_verify() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    now = int(datetime.now(UTC).timestamp())
    signature = sign([new, old], message_id="run", timestamp=now, body=b"{}")
    assert len(signature.split(" ")) == 2
    headers = {
        "webhook-id": "run",
        "webhook-timestamp": str(now),
        "webhook-signature": signature,
    }
    for secret in (old, new):
        Webhook(secret).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(b"{}", headers)


def test_every_byte_value_can_be_signed() -> None:
    assert sign([new_secret()], message_id="run", timestamp=1, body=bytes(range(256)))


def test_new_secrets_are_32_random_bytes() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert len(b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
    ],
)
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - base64 words it in its own ways
        sign([secret], message_id="run", timestamp=1, body=b"")

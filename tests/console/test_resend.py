"""Resend: the commands that pages show sign as delivery does, and send what the run sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import subprocess
from uuid import UUID

import pytest

from app.console import resend
from app.delivery.signing import sign
from tests.receiver import Receiver

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
RUN = str(UUID(int=9))
BODIES = [b"", b'{"a": "it\'s $HOME `id` \\n"}', b"\x00\xff\n", b"two\nlines\n", b"%s\\x41"]


def shell(script: str) -> str:
    environ = {"PATH": os.environ["PATH"], "WAKECALL_SECRET": SECRET, "HOME": "/nowhere"}
    done = subprocess.run(
        ["sh", "-eu"], input=script, env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("body", BODIES)
def test_the_commands_print_the_signature_that_delivery_sent(body: bytes) -> None:
    sent = sign([SECRET], message_id=RUN, timestamp=1_796_000_000, body=body)
    assert shell(resend.verify_command(RUN, "1796000000", body)).strip() == sent


@pytest.mark.parametrize("body", BODIES)
def test_the_commands_send_the_call_again_with_a_signature_that_is_right(
    body: bytes,
) -> None:
    headers = [
        ("Content-Type", "application/json"),
        ("webhook-id", RUN),
        ("webhook-timestamp", "1"),
        ("X-Own", 'it\'s "quoted" $HOME'),
    ]
    with Receiver() as receiver:
        url = receiver.url("/wake?x='1'")
        shell(resend.resend_command(RUN, "POST", url, headers, body))
        (call,) = receiver.requests

    assert call.body == body
    assert call.header("x-own") == 'it\'s "quoted" $HOME'
    assert call.header("webhook-id") == RUN
    stamp = call.header("webhook-timestamp")
    assert stamp is not None
    assert int(stamp) > 1_700_000_000
    signed = f"{RUN}.{stamp}.".encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert call.header("webhook-signature") == f"v1,{expected}"


def test_a_long_body_is_left_to_a_file() -> None:
    command = resend.verify_command(RUN, "1", b"x" * 20_000)
    assert "xxx" not in command
    assert "20000 bytes" in command

"""The signatures that both clients are tested with are those that other libraries make."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

import wakecall
from app.delivery.signing import sign

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "clients" / "contract" / "signatures.json").read_text()
)
GENUINE = [each for each in VECTORS if each["outcome"] == "call"]


def parts(vector: dict[str, Any]) -> tuple[str, int, bytes, list[str]]:
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    signatures = headers["webhook-signature"].split()
    return (
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
        b64decode(vector["body"]),
        signatures,
    )


def test_there_are_genuine_calls_and_calls_of_each_refusal() -> None:
    refused = {each["outcome"] for each in VECTORS} - {"call"}
    assert refused == {"NoSignature", "WrongSignature", "Stale"}
    assert len(GENUINE) > 10
    assert len({each["name"] for each in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("vector", GENUINE, ids=lambda vector: vector["name"])
def test_genuine_signatures_are_those_of_the_service_and_of_standardwebhooks(
    vector: dict[str, Any],
) -> None:
    run, sent, body, signatures = parts(vector)
    own = {
        sign([secret], message_id=run, timestamp=sent, body=body) for secret in vector["secrets"]
    }
    assert own & set(signatures)
    if text := _text(body):
        at = datetime.fromtimestamp(sent, UTC)
        others = {Webhook(secret).sign(run, at, text) for secret in vector["secrets"]}
        assert others == own


def _text(body: bytes) -> str:
    """The body as the other library takes it; empty where it is not text."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_python_client_judges_each_call_as_the_other_one_does(vector: dict[str, Any]) -> None:
    webhook, body = wakecall.Webhook(*vector["secrets"]), b64decode(vector["body"])
    now = datetime.fromtimestamp(vector["now"], UTC)
    if vector["outcome"] != "call":
        with pytest.raises(getattr(wakecall, vector["outcome"])):
            webhook.verify(body, vector["headers"], now=now)
        return
    call = webhook.verify(body, vector["headers"], now=now)
    for name, value in vector.get("call", {}).items():
        assert _shown(call, name) == value, name


def _shown(call: wakecall.Call, name: str) -> object:
    """A member of a call as the vectors write it."""
    if name == "latenessMs":
        return None if call.lateness is None else call.lateness.total_seconds() * 1000
    value = getattr(call, name)
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value

"""A secret is replaced while calls go out: for the overlap both sign, then the new one alone."""

from __future__ import annotations

from collections.abc import Sequence

from standardwebhooks import Webhook, WebhookVerificationError

from app.domain.instants import format_utc
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds
from tests.receiver import Received, Receiver


def called(running: Instance, receiver: Receiver) -> Received:
    """A call booked for the moment, as it arrived."""
    before = len(receiver.requests)
    job = {"url": receiver.url(), "when": format_utc(in_seconds(0.5)), "data": "{}"}
    assert running.ask("POST", "/1/jobs", job).status == 201
    return receiver.wait_for(before + 1)[before]


def verifies(request: Received, secret: str) -> bool:
    headers = {name.lower(): value for name, value in request.headers}
    try:
        Webhook(secret).verify(request.body, headers)
    except WebhookVerificationError:
        return False
    return True


def rotated(running: Instance, overlap: int) -> Sequence[str]:
    answer = running.ask("POST", "/1/secrets/rotate", {"overlap": overlap})
    assert answer.status == 201
    return [each["value"] for each in answer.body]


def test_during_the_overlap_old_and_new_secrets_sign_and_then_the_new_one_alone(
    running: Instance, receiver: Receiver
) -> None:
    (old,) = (each["value"] for each in running.ask("GET", "/1/secrets").body)
    new, retired = rotated(running, 3600)
    assert retired == old

    until(lambda: verifies(called(running, receiver), new), "calls are signed with the new secret")
    request = called(running, receiver)
    signatures = (request.header("webhook-signature") or "").split()
    assert (len(signatures), verifies(request, old), verifies(request, new)) == (2, True, True)

    (last,) = rotated(running, 0)
    until(lambda: not verifies(called(running, receiver), new), "the old secrets have ended")
    request = called(running, receiver)
    assert [verifies(request, each) for each in (last, new, old)] == [True, False, False]

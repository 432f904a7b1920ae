"""Signatures: each call is signed with every secret that is valid then, and with no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from standardwebhooks.webhooks import Webhook

from tests.simulation.clients import Secret
from tests.simulation.evidence import Evidence, instant_at
from tests.simulation.receivers import Arrival

_APPLIED: Final = timedelta(seconds=7)
"""How long after a rotation a call may begin as if it had not been: 5 s for all workers, and the
time from the take to the call."""


def check_signatures(evidence: Evidence) -> Iterator[str]:
    """4: every call is signed, before, during and after each rotation."""
    for each in evidence.arrivals:
        at = instant_at(each.at)
        signed = set(each.headers["webhook-signature"].split(" "))
        by = {secret.value for secret in evidence.secrets if _signature(secret, each) in signed}
        if not by:
            yield f"unsigned: a call of run {each.run_id}"
        for secret in evidence.secrets:
            expires = secret.expires
            is_valid = secret.created + _APPLIED < at and (expires is None or at < expires)
            if is_valid and secret.value not in by:
                yield f"unsigned: run {each.run_id} at {at}, with the secret of {secret.created}"
            if secret.value in by and expires is not None and expires + _APPLIED < at:
                yield f"expired: the secret of {secret.created} signed run {each.run_id} at {at}"


def _signature(secret: Secret, arrival: Arrival) -> str:
    """The signature with that secret; its time is judged by no clock of ours."""
    stamp = datetime.fromtimestamp(int(arrival.headers["webhook-timestamp"]), tz=UTC)
    signed: str = Webhook(secret.value).sign(arrival.run_id, stamp, arrival.body.decode())
    return signed

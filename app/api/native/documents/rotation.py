"""Rotation document: the request for a new signing secret; and the list of signing secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from app.api.native.codecs import reader
from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import Integer, Object
from app.domain import instants
from app.domain.secret import DEFAULT_OVERLAP, MAX_OVERLAP, SigningSecret

ROTATION: Final = Object(
    root="rotation",
    example='{"overlap": 86400}',
    members={
        "overlap": Integer(
            minimum=0,
            maximum=int(MAX_OVERLAP.total_seconds()),
            remedy="Give the seconds for which the old secrets remain valid; "
            "0 ends them immediately.",
        )
    },
)


def read_overlap(body: Body) -> timedelta:
    """For how long the old secrets remain valid; raises MalformedDocument and InvalidMember."""
    seconds: int | None = reader.read(body, ROTATION).get("overlap")
    return DEFAULT_OVERLAP if seconds is None else timedelta(seconds=seconds)


def render_secrets(secrets: Sequence[SigningSecret]) -> Sequence[Mapping[str, Value]]:
    """The members of each secret; `expires` only where the secret has been replaced."""
    return [_render_secret(each) for each in secrets]


def _render_secret(secret: SigningSecret) -> Mapping[str, Value]:
    members = {"value": secret.value, "created": instants.format_utc(secret.created_at)}
    if secret.expires_at is not None:
        members["expires"] = instants.format_utc(secret.expires_at)
    return members

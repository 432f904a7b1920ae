"""Rotation: the document that asks for a new signing secret, and how secrets are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from app.api import bodies
from app.api.native.codecs import json_codec, xml_codec
from app.api.native.codecs.generic_codec import Value
from app.api.native.routes import request_body
from app.domain import instants
from app.domain.checks import escaped, quoted
from app.domain.secret import DEFAULT_OVERLAP, MAX_OVERLAP, SigningSecret
from app.errors import InvalidMember

OVERLAP: Final = "overlap"

_MAX_OVERLAP_S: Final = int(MAX_OVERLAP.total_seconds())
_EXAMPLE: Final = f'{{"{OVERLAP}": 86400}}'


def overlap() -> timedelta:
    """How long the old secrets are to sign as well; the usual time where there is no body.

    Raises InvalidMember, MalformedDocument, UnsupportedFormat and TooLarge.
    """
    if not bodies.keep():
        return DEFAULT_OVERLAP
    return request_body.read(_from_json, _from_xml)


def of_secrets(secrets: Sequence[SigningSecret]) -> Sequence[Mapping[str, Value]]:
    """The secrets as answers show them; only one that is on its way out has an end."""
    return [_of_secret(each) for each in secrets]


def _of_secret(secret: SigningSecret) -> Mapping[str, Value]:
    members = {"value": secret.value, "created": instants.format_utc(secret.created_at)}
    if secret.expires_at is not None:
        members["expires"] = instants.format_utc(secret.expires_at)
    return members


def _from_json(body: bytes) -> timedelta:
    members = json_codec.object_of(body, example=_EXAMPLE)
    for name in members:
        _check_name(name)
    if members.get(OVERLAP) is None:
        return DEFAULT_OVERLAP
    return _seconds(json_codec.number_of(members[OVERLAP]))


def _from_xml(body: bytes, charset: str | None) -> timedelta:
    texts = xml_codec.texts_of(body, charset, "rotation")
    for name in texts:
        _check_name(name)
    return _seconds(texts[OVERLAP]) if OVERLAP in texts else DEFAULT_OVERLAP


def _check_name(name: str) -> None:
    if name != OVERLAP:
        raise InvalidMember(
            escaped(name),
            f"A rotation has no member {quoted(name)}.",
            remedy=f"The only member is {OVERLAP}.",
        )


def _seconds(text: str) -> timedelta:
    """`text` is the number as written, or empty for what is no number."""
    if (
        text.isascii()
        and text.isdigit()
        and len(text) <= len(str(_MAX_OVERLAP_S))
        and int(text) <= _MAX_OVERLAP_S
    ):
        return timedelta(seconds=int(text))
    raise InvalidMember(
        OVERLAP,
        f"{OVERLAP} is no whole number of seconds from 0 to {_MAX_OVERLAP_S}.",
        remedy=f"Give such a number, as in {_EXAMPLE}; 0 ends the old secrets at once.",
    )

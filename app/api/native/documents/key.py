"""Key documents: the API key that a client asks for, and keys as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.api.native.codecs import reader
from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import TEXT, Choice, Object, Text, without_none
from app.domain import instants
from app.domain.account import ApiKey
from app.domain.endpoint import MAX_NAME
from app.domain.scope import Scope
from app.service.keys import MAX_LABEL, Wanted

KEY: Final = Object(
    root="key",
    example='{"scope": "read", "label": "dashboard"}',
    members={
        "label": Text(max_length=MAX_LABEL),
        "scope": Choice(values=tuple(Scope)),
        "daprApp": Text(max_length=MAX_NAME),
        "expires": TEXT,
    },
    required=("scope",),
)


def read(body: Body) -> Wanted:
    """The key that the body asks for; raises MalformedDocument and InvalidMember."""
    members = reader.read(body, KEY)
    expires: str | None = members.get("expires")
    return Wanted(
        label=members.get("label", ""),
        scope=Scope(members["scope"]),
        app=members.get("daprApp"),
        expires_at=None if expires is None else instants.parse(expires, member="expires"),
    )


def render(key: ApiKey, text: str | None = None) -> Mapping[str, Value]:
    """The members of a key; `text`, which only the response that creates it shows, as `value`."""
    instants_of = {
        "created": key.created_at,
        "expires": key.expires_at,
        "lastUsed": key.last_used_at,
        "revoked": key.revoked_at,
    }
    members: Mapping[str, str | None] = {
        "id": key.id,
        "value": text,
        "label": key.label,
        "scope": str(key.scope),
        "daprApp": key.app,
        "createdBy": key.created_by,
        **{
            name: None if at is None else instants.format_utc(at)
            for name, at in instants_of.items()
        },
    }
    return without_none(members)

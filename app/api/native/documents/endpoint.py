"""Endpoint documents: where the calls of a Dapr app's or a Fusion runner's jobs go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.api.native.codecs import reader
from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import FLAG, TEXT, Choice, Object
from app.domain.checks import quoted
from app.domain.endpoint import AppProtocol, Endpoint
from app.errors import InvalidMember

APP: Final = Object(
    root="app",
    example='{"url": "http://127.0.0.1:6200"}',
    members={
        "id": TEXT,
        "url": TEXT,
        "protocol": Choice(values=tuple(AppProtocol)),
        "token": TEXT,
        "hasToken": FLAG,
    },
    required=("url",),
)
RUNNER: Final = Object(
    root="runner",
    example='{"url": "https://example.com/runner"}',
    members={"type": TEXT, "url": TEXT},
    required=("url",),
)
_NAME_OF: Final = {APP.root: "id", RUNNER.root: "type"}
"""The member that holds the endpoint's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointDocument:
    """Where an endpoint is, and the token that calls to it carry."""

    url: str
    token: str | None
    """A new token; None for none or the stored one."""

    keeps_token: bool
    """Whether the stored token stays."""

    protocol: AppProtocol
    """How the endpoint is called."""


def read(body: Body, name: str, document: Object) -> EndpointDocument:
    """The document of the endpoint `name`, an APP or a RUNNER.

    Raises InvalidMember and MalformedDocument.
    """
    members = reader.read(body, document)
    member = _NAME_OF[document.root]
    if members.get(member, name) != name:
        raise InvalidMember(
            member,
            f"The document has the {member} {quoted(members[member])}, "
            f"but the address has {quoted(name)}.",
            remedy=f"Leave {member} out of the document.",
        )
    token: str | None = members.get("token")
    return EndpointDocument(
        url=members["url"],
        token=token,
        keeps_token=token is None and members.get("hasToken", False),
        protocol=AppProtocol(members.get("protocol", AppProtocol.HTTP)),
    )


def render(endpoint: Endpoint, document: Object) -> Mapping[str, Value]:
    """The members of an endpoint. A token is secret: only whether there is one is shown."""
    members: dict[str, Value] = {_NAME_OF[document.root]: endpoint.name, "url": endpoint.url}
    if document is APP:
        members |= {"protocol": endpoint.protocol.value, "hasToken": endpoint.has_token}
    return members

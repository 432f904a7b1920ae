"""Endpoint documents: where Dapr apps and Fusion runners are, as JSON and XML show and take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.api.native.codecs import json_codec, xml_codec, xml_values
from app.api.native.codecs.generic_codec import Value
from app.api.native.routes import request_body
from app.domain.checks import escaped, quoted
from app.domain.endpoint import Endpoint
from app.errors import InvalidMember

_URL: Final = "url"
_TOKEN: Final = "token"  # noqa: S105 - a member's name
_HAS_TOKEN: Final = "hasToken"  # noqa: S105 - a member's name


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What the documents of one kind of endpoint are called, and their members.

    `root` is their element in XML, `name` the member that has the endpoint's name.
    """

    root: str
    name: str
    members: tuple[str, ...]
    example: str


APP: Final = Shape(
    root="app",
    name="id",
    members=("id", _URL, _TOKEN, _HAS_TOKEN),
    example='{"url": "http://127.0.0.1:6200"}',
)
RUNNER: Final = Shape(
    root="runner",
    name="type",
    members=("type", _URL),
    example='{"url": "https://example.com/runner"}',
)


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointDocument:
    """Where an endpoint is, and the token that calls to it carry: a new one, or the stored one."""

    url: str
    token: str | None
    keeps_token: bool


def read(name: str, shape: Shape) -> EndpointDocument:
    """The document in the request's body, of the endpoint `name`.

    Raises InvalidMember, MalformedDocument, UnsupportedFormat, TooLarge.
    """
    members = request_body.read(
        lambda body: json_codec.object_of(body, example=shape.example),
        lambda body, charset: _from_xml(body, charset, shape),
    )
    for member, value in members.items():
        _check(member, value, shape)
    members = json_codec.not_null(members)
    if members.get(shape.name, name) != name:
        raise InvalidMember(
            shape.name,
            f"The document has the {shape.name} {quoted(members[shape.name])}, "
            f"the address {quoted(name)}.",
            remedy=f"Leave {shape.name} out of the document.",
        )
    if _URL not in members:
        raise InvalidMember(
            _URL, "url is missing.", remedy=f"Say where calls go to, as in {shape.example}."
        )
    token: str | None = members.get(_TOKEN)
    return EndpointDocument(
        url=members[_URL],
        token=token,
        keeps_token=token is None and bool(members.get(_HAS_TOKEN)),
    )


def shown(endpoint: Endpoint, shape: Shape) -> Mapping[str, Value]:
    """The members of an endpoint; of its token, if it may have one, only whether it has."""
    told: dict[str, Value] = {shape.name: endpoint.name, _URL: endpoint.url}
    return {**told, _HAS_TOKEN: endpoint.has_token} if _TOKEN in shape.members else told


def _from_xml(body: bytes, charset: str | None, shape: Shape) -> dict[str, Any]:
    texts = xml_codec.texts_of(body, charset, shape.root)
    if _HAS_TOKEN not in texts:
        return texts
    return {**texts, _HAS_TOKEN: xml_values.flag(_HAS_TOKEN, texts[_HAS_TOKEN])}


def _check(member: str, value: Any, shape: Shape) -> None:  # noqa: ANN401 - JSON holds anything
    if member not in shape.members:
        raise InvalidMember(
            escaped(member),
            f"There is no member {quoted(member)} here.",
            remedy=f"The members are: {', '.join(shape.members)}.",
        )
    wanted, called = (bool, "true or false") if member == _HAS_TOKEN else (str, "a string")
    if value is not None and type(value) is not wanted:
        raise InvalidMember(
            member,
            f"{member} is {json_codec.kind(value)}, not {called}.",
            remedy=f"Give {called}, or leave {member} out.",
        )

"""Endpoint documents: where an account's Dapr apps are, as JSON and XML show and take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.api.native import incoming, json_codec, xml_codec
from app.api.native.tree import Value
from app.domain.endpoint import Endpoint
from app.domain.quotation import quoted
from app.errors import InvalidMember

_NAME: Final = "id"
_URL: Final = "url"
_TOKEN: Final = "token"  # noqa: S105 - a member's name
_MEMBERS: Final = (_NAME, _URL, _TOKEN)
_EXAMPLE: Final = '{"url": "http://127.0.0.1:6200"}'


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointDocument:
    """Where an endpoint is, and the token that calls to it carry."""

    url: str
    token: str | None


def read(name: str, root: str) -> EndpointDocument:
    """The document in the request's body, of the endpoint `name`; `root` is its element in XML.

    Raises InvalidMember, MalformedDocument, UnsupportedFormat, TooLarge.
    """
    members = incoming.read(
        lambda body: json_codec.object_of(body, example=_EXAMPLE),
        lambda body, charset: xml_codec.texts_of(body, charset, root),
    )
    for member, value in members.items():
        _check(member, value)
    if members.get(_NAME, name) != name:
        raise InvalidMember(
            _NAME,
            f"The document has the id {quoted(members[_NAME])}, the address {quoted(name)}.",
            remedy="Leave id out of the document.",
        )
    if _URL not in members:
        raise InvalidMember(
            _URL, "url is missing.", remedy=f"Say where calls go to, as in {_EXAMPLE}."
        )
    return EndpointDocument(url=members[_URL], token=members.get(_TOKEN))


def shown(endpoint: Endpoint) -> Mapping[str, Value]:
    """The members of an endpoint; of its token, only whether there is one."""
    return {_NAME: endpoint.name, _URL: endpoint.url, "hasToken": endpoint.has_token}


def _check(member: str, value: Any) -> None:  # noqa: ANN401 - JSON holds anything
    if member not in _MEMBERS:
        raise InvalidMember(
            quoted(member)[1:-1],
            f"There is no member {quoted(member)} here.",
            remedy=f"The members are: {', '.join(_MEMBERS)}. Without token, calls carry none.",
        )
    if type(value) is not str:
        raise InvalidMember(
            member,
            f"{member} is {json_codec.kind(value)}, not a string.",
            remedy=f"Give a string, or leave {member} out.",
        )

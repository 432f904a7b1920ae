"""Routes of Fusion runners: where the jobs of each type are done, which Wakecall only starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response

from app.api import admission, negotiation
from app.api.native import answers, incoming, json_codec, xml_codec
from app.domain.endpoint import Endpoint
from app.domain.quotation import quoted
from app.errors import InvalidMember
from app.service.fusion import runners as service

ROOT: Final = "runner"

_TYPE: Final = "type"
_URL: Final = "url"
_EXAMPLE: Final = '{"url": "https://example.com/runner"}'
_CREATED: Final = 201

runners: Final = Blueprint("fusion_runners", __name__, url_prefix="/1")


@runners.get("/fusion-runners")
def list_runners() -> Response:
    """The account's runners, by type."""
    caller = admission.admit()
    media_type = answers.offer(negotiation.DOCUMENTS)
    found = [_members(each) for each in service.listed(caller.account)]
    return answers.listed("runners", found, media_type)


@runners.get("/fusion-runners/<runner_type>")
def get_runner(runner_type: str) -> Response:
    """The runner of one type."""
    caller = admission.admit()
    media_type = answers.offer(negotiation.DOCUMENTS)
    return answers.listed(ROOT, _members(service.get(caller.account, runner_type)), media_type)


@runners.put("/fusion-runners/<runner_type>")
def put_runner(runner_type: str) -> Response:
    """A runner as the document has it: 201 for a new one, else 200."""
    caller = admission.admit()
    media_type = answers.offer(negotiation.DOCUMENTS)
    url = _url(runner_type, incoming.read(_from_json, _from_xml))
    found, created = service.put(caller.account, runner_type, url=url)
    if not created:
        return answers.listed(ROOT, _members(found), media_type)
    answer = answers.listed(ROOT, _members(found), media_type, _CREATED)
    answer.headers["Location"] = f"/1/fusion-runners/{found.name}"
    return answer


@runners.delete("/fusion-runners/<runner_type>")
def delete_runner(runner_type: str) -> Response:
    """A runner forgotten; jobs of its type fail until there is another."""
    service.delete(admission.admit().account, runner_type)
    return Response(status=204)


def _from_json(body: bytes) -> Mapping[str, Any]:
    return json_codec.object_of(body, example=_EXAMPLE)


def _from_xml(body: bytes, charset: str | None) -> Mapping[str, Any]:
    return xml_codec.texts_of(body, charset, ROOT)


def _url(kind: str, members: Mapping[str, Any]) -> str:
    for name, value in members.items():
        if name not in {_TYPE, _URL}:
            raise InvalidMember(
                quoted(name)[1:-1],
                f"A runner has no member {quoted(name)}.",
                remedy=f"Its members are {_TYPE} and {_URL}.",
            )
        if type(value) is not str:
            raise InvalidMember(
                name, f"{name} is {json_codec.kind(value)}, not a string.", remedy="Give a string."
            )
    if members.get(_TYPE, kind) != kind:
        raise InvalidMember(
            _TYPE,
            f"The document has the type {quoted(members[_TYPE])}, the address {quoted(kind)}.",
            remedy=f"Leave {_TYPE} out of the document.",
        )
    if _URL not in members:
        raise InvalidMember(
            _URL, f"{_URL} is missing.", remedy=f"Say where the runner is, as in {_EXAMPLE}."
        )
    url: str = members[_URL]
    return url


def _members(found: Endpoint) -> Mapping[str, str]:
    return {_TYPE: found.name, _URL: found.url}

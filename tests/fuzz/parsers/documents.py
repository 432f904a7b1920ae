"""Documents: what the native API reads from bodies in JSON and in XML."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from flask import Flask

from app.api import negotiation, previews
from app.api.dapr import bookings as dapr_bookings
from app.api.fusion import preview as fusion_preview
from app.api.native.codecs.reader import Body
from app.api.native.documents import (
    bulk,
    completion,
    endpoint,
    inbox,
    job,
    key,
    preview,
    redelivery,
    rotation,
)
from app.domain import booking
from app.domain.trigger import first_firing
from app.domain.url_rules import UrlRules
from app.errors import Refused
from tests.api.worst_dialects import NOW
from tests.fuzz import grammars
from tests.fuzz.parser import UNDECODABLE, Parser, to_bytes

JOB: Final[dict[str, Any]] = {
    "url": "https://example.com/wake",
    "when": "2094-05-11T15:30:00",
    "timezone": "Europe/Berlin",
    "data": "\xe9\u0301 payload",
    "contentType": "text/plain",
    "headers": {"X-Tenant": "acme"},
    "tags": ["billing", "eu"],
    "retry": {"maxAttempts": 3, "backoff": {"initial": 1, "factor": 2, "max": 60}},
    "timeout": 2.5,
}
_CRON: Final = {
    **{name: value for name, value in JOB.items() if name != "when"},
    "cron": "0 15 10 ? * MON-FRI",
    "onGap": "skip",
    "onOverlap": "first",
    "misfire": "all",
    "misfireWindow": 3600,
    "dataEncoding": "base64",
    "data": "AAEC/w==",
    "name": "invoices/2030",
    "method": "PUT",
    "enabled": False,
}
_JSON_WORDS: Final = (
    *(
        '{"',
        '":',
        '","',
        "null",
        "true",
        "1e400",
        "-0",
        "\\u0000",
        "\\ud800",
        "\\",
        "[]",
        "{}",
        "[",
    ),
    *("{", "]", "}", ",", "NaN", "Infinity", "\ufeff", "//", "0x1", '"a":1,', "'"),
)
_XML_WORDS: Final = (
    *("<", ">", "/>", "</", "<!--", "-->", "<![CDATA[", "]]>", "<?xml version='1.0'?>", "&amp;"),
    *("&#65;", "&#0;", "&x;", "<!DOCTYPE a>", " xmlns='u'", " xmlns:a='u'", "a:b", "<a/>", "="),
    *("encoding='utf-16'", "<tags>", "<tag>a</tag>", "<header name='a'>b</header>", "\ufffe"),
)
_CHARSETS: Final = (None, "utf-8", "utf-16", "iso-8859-1", "US-ASCII", "x\udcff", "")


@dataclass(frozen=True, kw_only=True)
class _Document:
    read: Callable[[Body], object]
    root: str
    members: tuple[str, ...]
    useful: tuple[dict[str, Any], ...]
    xml: str


def _job(body: Body) -> None:
    """Read a job, book it as far as that needs no database, and write it in both formats."""
    document = job.read(body)
    wanted = job.to_booking(document)
    booking.check(wanted, UrlRules())
    first_firing(wanted.trigger, NOW)
    for media_type in (negotiation.JSON, negotiation.XML_TEXT):
        job.write(document, media_type)


_APP: Final = Flask(__name__)
for _each in (preview.PREVIEWER, dapr_bookings.PREVIEWER, fusion_preview.PREVIEWER):
    previews.offer(_APP, _each)


def _preview(body: Body) -> None:
    with _APP.app_context():
        found, _ = preview.read(body, NOW)
    preview.render(found)


_PREVIEWS: Final = (
    {"cron": "0 15 10 ? * *", "timezone": "Europe/Berlin", "count": 3, "onGap": "skip"},
    {"when": "2094-05-11T15:30:00", "timezone": "Europe/Berlin", "after": "2094-05-01T00:00:00Z"},
    {"dialect": "dapr", "schedule": "@every 90s", "dueTime": "1h", "ttl": "24h", "repeats": 5},
    {
        "dialect": "fusion",
        "triggers": [
            {"type": "cron", "value": "0 15 10 ? * MON-FRI"},
            {"type": "interval", "interval": 2, "timeUnit": "hour"},
        ],
    },
)
_OF: Final[dict[str, _Document]] = {
    "a job": _Document(
        read=_job,
        root="job",
        members=tuple(job.JOB.members),
        useful=(JOB, _CRON),
        xml=f"<job><url>{JOB['url']}</url><when>{JOB['when']}</when><tags><tag>a</tag></tags>"
        '<headers><header name="X-A">b</header></headers><data>x</data></job>',
    ),
    "jobs": _Document(
        read=bulk.read,
        root="jobs",
        members=(),
        useful=({},),
        xml=f"<jobs><job><url>{JOB['url']}</url><when>{JOB['when']}</when></job></jobs>",
    ),
    "a completion": _Document(
        read=completion.read,
        root="completion",
        members=tuple(completion.COMPLETION.members),
        useful=({"status": "failed", "message": "out of paper"},),
        xml="<completion><status>succeeded</status></completion>",
    ),
    "a redelivery": _Document(
        read=redelivery.read,
        root="redelivery",
        members=tuple(redelivery.REDELIVERY.members),
        useful=({"state": ["failed", "dead"], "after": "2030-01-01T00:00Z", "dryRun": True},),
        xml="<redelivery><state>failed</state><minLatenessMs>5</minLatenessMs></redelivery>",
    ),
    "a rotation": _Document(
        read=rotation.read_overlap,
        root="rotation",
        members=("overlap",),
        useful=({"overlap": 86400},),
        xml="<rotation><overlap>86400</overlap></rotation>",
    ),
    "an inbox": _Document(
        read=inbox.read,
        root="inbox",
        members=tuple(inbox.INBOX.members),
        useful=({"label": "orders", "answer": "500"},),
        xml="<inbox><label>orders</label><answer>500</answer></inbox>",
    ),
    "a key": _Document(
        read=key.read,
        root="key",
        members=tuple(key.KEY.members),
        useful=({"scope": "read", "label": "a", "expires": "2094-05-11T15:30:00Z"},),
        xml="<key><scope>read</scope><expires>2094-05-11T15:30:00Z</expires></key>",
    ),
    "a Dapr app's endpoint": _Document(
        read=lambda body: endpoint.read(body, "orders", endpoint.APP),
        root="app",
        members=tuple(endpoint.APP.members),
        useful=({"url": "https://example.com", "protocol": "grpc", "token": "t", "id": "orders"},),
        xml="<app><url>https://example.com</url><hasToken>true</hasToken></app>",
    ),
    "a Fusion runner": _Document(
        read=lambda body: endpoint.read(body, "spark", endpoint.RUNNER),
        root="runner",
        members=tuple(endpoint.RUNNER.members),
        useful=({"url": "https://example.com", "type": "spark"},),
        xml="<runner><url>https://example.com</url></runner>",
    ),
    "a preview": _Document(
        read=_preview,
        root="preview",
        members=("dialect", "cron", "when", "timezone", "count", "after", "schedule", "triggers"),
        useful=_PREVIEWS,
        xml="<preview><cron>0 15 10 ? * *</cron><count>2</count></preview>",
    ),
}


def _as_json(read: Callable[[Body], object], text: str) -> None:
    read(Body(to_bytes(text), negotiation.JSON))


def _as_xml(read: Callable[[Body], object], text: str) -> None:
    """Read an XML document in each charset that Content-Type may name; the last refusal counts."""
    for charset in _CHARSETS[1:]:
        with suppress(Refused):
            read(Body(to_bytes(text), negotiation.XML_TEXT, charset))
    read(Body(to_bytes(text), negotiation.XML_TEXT))


def _parsers(name: str, document: _Document) -> Mapping[str, Parser]:
    in_json, in_xml = f"{name}, in bytes of JSON", f"{name}, in bytes of XML"
    array = name == "jobs"
    whole: tuple[Any, ...] = ([JOB, _CRON], [], [JOB] * 3) if array else document.useful
    drawn = grammars.json_objects(document.members or tuple(job.JOB.members), [JOB, _CRON])
    return {
        in_json: Parser(
            read=partial(_as_json, document.read),
            samples=(*(json.dumps(each) for each in whole), '{"url": NaN}'),
            words=(*_JSON_WORDS, *(f'"{each}":' for each in document.members)),
            drawn=grammars.joined(drawn, ",", most=3).map("[{}]".format)
            if array
            else grammars.json_objects(document.members, document.useful),
            letters=UNDECODABLE,
        ),
        in_xml: Parser(
            read=partial(_as_xml, document.read),
            samples=(document.xml, f'<?xml version="1.0" encoding="UTF-8"?>\n{document.xml}'),
            words=(*_XML_WORDS, *(f"<{each}>" for each in document.members)),
            drawn=grammars.xml_documents(document.root, document.members),
            letters=UNDECODABLE,
            # It is read once for each charset.
            limit_s=len(_CHARSETS) * Parser.limit_s,
        ),
    }


DOCUMENTS: Final = {
    name: parser
    for kind, document in _OF.items()
    for name, parser in _parsers(kind, document).items()
}

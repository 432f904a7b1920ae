"""Requests: whole requests to the application, each of which must be answered without a defect."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final, NamedTuple

from flask import Flask
from google.rpc.status_pb2 import Status

from app.api import serving, wsgi_bridge
from app.api.asgi import AsgiApp
from app.api.dapr.addresses import is_dapr_path
from app.api.dapr.rpc import requests as rpc_requests
from app.api.dapr.rpc import routes as rpc_routes
from app.api.dapr.rpc.failures import STATUS_TYPE
from tests.console.people import csrf_token, signed_in_as
from tests.fuzz import grammars
from tests.fuzz.parser import BINARY, Parser
from tests.fuzz.parsers.dialects import schedule_request
from tests.fuzz.parsers.documents import _CRON, _JSON_WORDS, JOB

HEADERS: Final = {
    "Accept": ("text/plain", "text/xml;q=0.9, */*;q=0.1", "text/html", "text/markdown"),
    "Accept-Encoding": ("gzip, br",),
    "Authorization": ("Bearer {key}", "Basic YTp3a19h", "bearer"),
    "Connection": ("upgrade, close",),
    "Content-Encoding": ("identity", "gzip"),
    "Content-Type": (
        "application/json",
        "application/xml; charset=utf-16",
        "application/x-www-form-urlencoded",
        'multipart/form-data; boundary="b"',
        "text/plain",
    ),
    "Cookie": ("wakecall={session}", "__Host-wakecall=a; wakecall_theme=dark; wakecall_zone=utc"),
    "dapr-api-token": ("{key}",),
    "dapr-app-id": ("orders",),
    "Expect": ("100-continue",),
    "Host": ("localhost:3500", "example.com", "[::1]:80"),
    "HX-Request": ("true",),
    "Idempotency-Key": ('"order-17"', "order-17"),
    "If-None-Match": ('"a", W/"b"', "*"),
    "If-Modified-Since": ("Sun, 06 Nov 1994 08:49:37 GMT",),
    "Origin": ("http://localhost", "null", "https://example.com:443"),
    "Range": ("bytes=0-1,5-", "bytes=-"),
    "Referer": ("http://localhost/console/",),
    "Sec-Fetch-Mode": ("navigate", "cors"),
    "Sec-Fetch-Site": ("same-origin", "cross-site"),
    "Transfer-Encoding": ("chunked", "gzip, chunked"),
    "Upgrade-Insecure-Requests": ("1",),
    "User-Agent": ("Mozilla/5.0 (X11)",),
    "Wakecall-Depth": ("3", "\xb2"),
    "webhook-id": ("01890a5d-ac96-774b-bcce-b302099a8057",),
    "webhook-signature": ("v1,a v1,b",),
    "webhook-timestamp": ("1893456000",),
    "wakecall-attempt": ("3",),
    "wakecall-scheduled-for": ("2030-01-01T00:00:00Z",),
    "X-API-Key": ("{key}", "wk_"),
    "X-Content-Signature": ("a b",),
    "X-CSRFToken": ("{csrf}", "a~1"),
    "X-Forwarded-For": ("203.0.113.7, 10.0.0.1",),
    "X-Forwarded-Proto": ("https",),
}
"""The headers that requests have, with values; `{key}` and others are put in when it is sent."""

_RPC: Final = f"/{rpc_requests.SERVICE}/"
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LAST_A: Final = re.compile(r"([:/])a(?=/schedule$|$)")
_ENDS_SESSIONS: Final = ("logout", "delete")
_CONVERTED: Final = {"uuid": "{job}", "int": "3"}
_ARGUMENT: Final = re.compile(r"<(?:([a-z_]+)(?:\([^)]*\))?:)?[a-z_]+>")
_FORM: Final = "application/x-www-form-urlencoded"
_TOO_DEEP: Final = 508
_AWAY: Final = 503
_ERROR: Final = 500
_MAX_FIELDS: Final = 100
"""Header fields that the server passes on; a request with more is refused by it."""

_DEFECT: Final = b"ERR_INTERNAL"
_TASK: Final = {
    "type": "rest-call",
    "callParams": {"uri": "https://example.com", "method": "get"},
}
_SCHEDULE: Final = {"triggers": [{"type": "cron", "enabled": True, "value": "0 15 10 ? * MON"}]}
_NAMED: Final = (
    ("/1/dapr-apps/a", {"url": "https://example.com"}),
    ("/1/dapr-apps/orders", {"url": "https://example.com"}),
    ("/1/jobs/by-name/a", JOB),
    ("/api/tasks/a", _TASK),
    ("/api/jobs/task:a/schedule", _SCHEDULE),
)
"""What requests and RPCs name; deletions of each route name other things."""


class Sent(NamedTuple):
    """A request as a server passes it on."""

    scope: dict[str, Any]
    body: bytes


@dataclass(kw_only=True)
class Requests:
    """Sends requests to an application, with the key and the session of one user."""

    app: Flask
    key: str
    asgi: AsgiApp
    loop: asyncio.AbstractEventLoop
    statuses: dict[int, int] = field(default_factory=dict)
    _given: dict[bytes, bytes] = field(default_factory=dict)

    def sign_in(self) -> None:
        """Begin a session and make what the requests name."""
        client = self.app.test_client()
        client.environ_base["HTTP_X_API_KEY"] = self.key
        account = client.get("/1/account").get_json()["account"]
        browser = signed_in_as(self.app, "ada@example.com", account)
        job, gone, inbox = (
            client.post(path, json=sent).headers["Location"].rpartition("/")[2]
            for path, sent in (("/1/jobs", JOB), ("/1/jobs", JOB), ("/1/inboxes", {}))
        )
        run = client.post(f"/1/jobs/{job}/fire").headers["Location"].rpartition("/")[2]
        for path, sent in _NAMED:
            added = client.put(path, json=sent)
            assert added.status_code < HTTPStatus.MULTIPLE_CHOICES, added.text
        self._given = {
            b"{key}": self.key.encode(),
            b"{session}": browser.token.encode(),
            b"{csrf}": csrf_token(browser.client, "/console/accounts").encode(),
            b"{job}": job.encode(),
            b"{gone}": gone.encode(),
            b"{inbox}": inbox.encode(),
            b"{run}": run.encode(),
        }

    def answer(self, text: str) -> None:
        """Let the application answer a request; fails where it answers with a defect."""
        sent = self._read(text)
        environ = wsgi_bridge.build_environ(sent.scope)
        environ["wsgi.input"] = BytesIO(sent.body)
        answered = wsgi_bridge.run(self.app, environ)
        self._check(sent, answered.status, answered.start)

    def answer_by_event_loop(self, text: str) -> None:
        """The same with the ASGI application, whose event loop is this thread."""
        sent = self._read(text)
        messages: list[dict[str, Any]] = []
        arriving = iter([{"type": "http.request", "body": sent.body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            return next(arriving, {"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        self.loop.run_until_complete(self.asgi(sent.scope, receive, send))
        if messages:
            body = b"".join(each.get("body", b"") for each in messages[1:])
            self._check(sent, messages[0]["status"], body)

    def answer_rpc(self, text: str) -> None:
        """The same with an RPC: its path, its metadata and, behind an empty line, its message."""
        raw = self._filled(text)
        head, _, body = raw.partition(b"\n\n")
        path, *lines = head.decode("latin-1").split("\n")
        pairs = [
            (name.lower(), value) for name, _, value in (each.partition(":") for each in lines)
        ]
        environ = rpc_requests.environ_of(path, pairs, "ipv4:127.0.0.1:5000")
        environ["wsgi.input"] = BytesIO(body)
        answered = wsgi_bridge.run(self.app, environ)
        self._count(answered.status)
        if (b"content-type", STATUS_TYPE.encode()) in {
            (name.lower(), value) for name, value in answered.headers
        }:
            # The scheduler of the Dapr API answers INTERNAL for some requests, as in Dapr.
            assert _DEFECT not in answered.start, Status.FromString(answered.start)
        else:
            assert answered.status < _ERROR, answered

    def _filled(self, text: str) -> bytes:
        raw = text.encode("latin-1")
        for name, value in self._given.items():
            raw = raw.replace(name, value)
        return raw

    def _count(self, status: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def _read(self, text: str) -> Sent:
        """The request in a text of BINARY: as HTTP/1.1 has it, without what no server passes on."""
        head, _, body = self._filled(text).partition(b"\n\n")
        first, *lines = head.split(b"\n")
        method, _, target = first.partition(b" ")
        path, _, query = _CONTROLS.sub(b"", target).replace(b" ", b"%20").partition(b"?")
        headers = [
            (name.lower(), _CONTROLS.sub(b"", value).strip(b" \t"))
            for name, _, value in (each.partition(b":") for each in lines[:_MAX_FIELDS])
            if _TOKEN.fullmatch(name) and name.lower() != b"content-length"
        ]
        if all(name != b"host" for name, _ in headers):
            headers.append((b"host", b"localhost"))
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        scope = {
            "type": "http",
            "method": method.decode("latin-1") if _TOKEN.fullmatch(method) else "GET",
            "raw_path": path or b"/",
            "query_string": query,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "http_version": "1.1",
            "scheme": "http",
            "headers": headers,
        }
        return Sent(scope, body)

    def _check(self, sent: Sent, status: int, body: bytes) -> None:
        self._count(status)
        path = sent.scope["raw_path"].decode("latin-1")
        if status in {_TOO_DEEP, _AWAY} or status < _ERROR:
            return
        # The scheduler of the Dapr API answers 500 for some requests, as in Dapr.
        assert is_dapr_path(path) and _DEFECT not in body, f"{status}: {body[:300]!r}"  # noqa: PT018 - one reason


@contextmanager
def requests_to(app: Flask, key: str) -> Iterator[Requests]:
    """What sends requests to this application, which must not have served any so far."""
    rpc_routes.install(app)
    loop = asyncio.new_event_loop()
    asgi = serving.asgi_app(app)
    made = Requests(app=app, key=key, asgi=asgi, loop=loop)
    try:
        made.sign_in()
        yield made
    finally:
        asgi.shutdown()
        loop.close()


def parsers_of(made: Requests) -> dict[str, Parser]:
    """The application as what reads whole requests, in a thread and on the event loop."""
    samples = (*_of_routes(made.app), *_SAMPLES)
    words = (
        *(f"\n{name}: {value}" for name, values in HEADERS.items() for value in values),
        *_JSON_WORDS,
        *("%2F", "%00", "%ff", "//", "?", "&", "=", "+", "/by-name/", "..", ";", "?dryRun=true"),
        *("\n\n", "&csrf_token={csrf}", "?cursor=AAAA", "?limit=5", "&wait=0", "POST ", "PUT "),
    )
    drawn = grammars.sequence(
        "POST /1/jobs\nX-API-Key: {key}\nContent-Type: application/json\nAccept: ",
        grammars.ACCEPT,
        "\n\n",
        grammars.json_objects(tuple(JOB), [JOB, _CRON]),
    )
    common: dict[str, Any] = {
        "samples": samples,
        "words": words,
        "drawn": drawn,
        "letters": BINARY,
        "refusals": (),
    }
    return {
        "a request": Parser(read=made.answer, **common),
        "a request on the event loop": Parser(read=made.answer_by_event_loop, **common),
        "an RPC": Parser(
            read=made.answer_rpc,
            samples=_RPCS,
            words=(
                "\ndapr-api-token:{key}",
                "\ndapr-app-id:a",
                "Alpha1",
                "\n\n",
                "\x0a",
                "\x12",
                "a\0b",
            ),
            letters=BINARY,
            refusals=(),
        ),
    }


_SCHEDULED: Final = schedule_request().SerializeToString().decode("latin-1")
_OF_APP: Final = "dapr-api-token:{key}\ndapr-app-id:orders"
_RPCS: Final = (
    f"{_RPC}ScheduleJob\n{_OF_APP}\n\n{_SCHEDULED}",
    f"{_RPC}ScheduleJobAlpha1\n{_OF_APP}\n\n\x0a\x0b\x0a\x01a\x12\x06@daily",
    f"{_RPC}ScheduleJob\n{_OF_APP}\n\n\x0a\x0b\x0a\x01a\x12\x06@dally",
    *(
        f"{_RPC}{each}\n{_OF_APP}\n\n\x0a\x05R2-D2"
        for each in ("GetJob", "DeleteJob", "DeleteJobsByPrefix", "SetMetadata", "InvokeService")
    ),
    *(f"{_RPC}{each}\n{_OF_APP}\n\n" for each in ("ListJobs", "GetMetadata", "Nothing")),
)


_SAMPLES: Final = (
    f"POST /1/jobs\nX-API-Key: {{key}}\nContent-Type: application/json\n\n{json.dumps(JOB)}",
    (
        f"POST /1/jobs?dryRun=true\nX-API-Key: {{key}}\nContent-Type: application/json\n\n"
        f"{json.dumps(_CRON)}"
    ),
    f"POST /1/jobs/bulk\nX-API-Key: {{key}}\nContent-Type: application/json\n\n[{json.dumps(JOB)}]",
    (
        "POST /1/jobs\nX-API-Key: {key}\nContent-Type: text/xml\nIdempotency-Key: a\n\n"
        "<job><url>https://example.com/</url><cron>0 0 12 * * ?</cron></job>"
    ),
    "POST /1/jobs/2094-05-11T15%3A30Z/https%3A%2F%2Fexample.com\nX-API-Key: {key}\n\npayload",
    (
        "POST /v1.0/jobs/R2-D2\ndapr-api-token: {key}\ndapr-app-id: a\nHost: localhost\n\n"
        '{"dueTime": "1h", "data": {"a": 1}}'
    ),
    (
        "PUT /api/tasks/a\nX-API-Key: {key}\nContent-Type: application/json\n\n"
        '{"type": "rest-call", "callParams": {"uri": "https://example.com", "method": "get"}}'
    ),
    "GET /docs/search?q=cron+%C3%A9\nAccept: text/html",
    "GET /docs/api\nAccept: text/markdown",
    "GET /readyz?all",
    "GET /api/jobs/task%3Aa/history?limit=x\nX-API-Key: {key}",
    "GET /console/preview?dialect=fusion&triggers=%5B&count=3\nCookie: wakecall={session}",
    "GET /console/preview?dialect=crontab&crontab=%40daily+a\nCookie: wakecall={session}",
    (
        "PUT /1/dapr-apps/a\nX-API-Key: {key}\nContent-Type: application/json\n\n"
        '{"url": "http://localhost", "hasToken": true}'
    ),
    (
        "PUT /1/dapr-apps/a b\nX-API-Key: {key}\nContent-Type: application/json\n\n"
        '{"url": "https://example.com", "token": "t"}'
    ),
    (
        "POST /1/keys\nX-API-Key: {key}\nContent-Type: application/json\n\n"
        '{"scope": "read", "expires": "2020-01-01T00:00Z"}'
    ),
    (
        "PUT /1/jobs/{job}\nX-API-Key: {key}\nContent-Type: application/json\n\n"
        '{"url": "https://example.com", "when": "2094-05-11T15:30Z", "id": "a", "account": "b"}'
    ),
    "GET /1/runs?state=failed&after=2030-01-01T00%3A00Z&limit=5\nX-API-Key: {key}",
    "GET /1/jobs?tag=a&namePrefix=b&sort=next&cursor=AAAA\nX-API-Key: {key}",
    (
        f"POST /console/jobs/new\nCookie: wakecall={{session}}\nContent-Type: {_FORM}\n\n"
        "csrf_token={csrf}&do=preview&how=cron&cron=0+0+12+*+*+%3F&url=https%3A%2F%2Fexample.com"
        "&headers=A%3A+b&tags=a&retry=custom"
    ),
    (
        f"POST /in/{'a' * 32}/x?y\nwebhook-id: a\nwebhook-signature: v1,a\n"
        "webhook-timestamp: 1893456000\n\nbody"
    ),
)


def _other(path: str) -> str:
    """The path of something that no other request names."""
    return _LAST_A.sub(r"\1b", path.replace("{job}", "{gone}").replace("{inbox}", "{gone}"))


def _of_routes(app: Flask) -> Iterator[str]:
    """A request to each route of the application, with its methods in turn."""
    for rule in sorted(app.url_map.iter_rules(), key=str):
        path = _ARGUMENT.sub(lambda found: _CONVERTED.get(found[1] or "", "a"), str(rule))
        path = path.replace("/jobs/a", "/jobs/task:a") if path.startswith("/api/") else path
        for part, named in (("/runs/", "{run}"), ("/inbox", "{inbox}")):
            path = path.replace("{job}", named if part in path else "{job}")
        if any(each in path for each in _ENDS_SESSIONS):
            continue
        is_console = path.startswith("/console")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            head = f"{method} {_other(path) if method == 'DELETE' else path}\n"
            head += "Cookie: wakecall={session}" if is_console else "X-API-Key: {key}"
            if method == "GET":
                yield head
            elif is_console:
                yield f"{head}\nContent-Type: {_FORM}\n\ncsrf_token={{csrf}}"
            else:
                yield f"{head}\nContent-Type: application/json\n\n{{}}"

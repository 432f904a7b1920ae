"""Headers: what is read of them before any route, and cookies."""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_network
from typing import Any, Final
from uuid import UUID

from app.api import auth, forwarded, inbox_calls, negotiation, wsgi_bridge
from app.api.senders import Senders, network_of
from app.docs_site import responses
from app.domain.completion import Tokens
from app.domain.signature import SignatureCheck
from tests.api.worst_dialects import NOW
from tests.fuzz import grammars
from tests.fuzz.parser import BINARY, HEADER, Parser

_PROXIES: Final = (ip_network("10.0.0.0/8"), ip_network("::1/128"))
_SECRET: Final = "whsec_" + b64encode(b"k" * 32).decode()
_SENDERS: Final = Senders()
_TOKENS: Final = Tokens([b64encode(b"k" * 32).decode()])
_RUN: Final = UUID(int=1)


def _identify(text: str) -> None:
    """Find the sender of requests that have the text in each header in which a key may be."""
    for path in ("/1/jobs", "/console/jobs"):
        environ = {"PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1", "HTTP_COOKIE": text}
        for name in ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_DAPR_API_TOKEN"):
            _SENDERS.identify({**environ, name: text})
    auth.basic_pair(text)


def _scope(name: bytes, text: str, path: bytes = b"/1/jobs") -> dict[str, Any]:
    return {
        "method": "GET",
        "raw_path": path,
        "query_string": b"",
        "client": ("10.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "http_version": "1.1",
        "scheme": "http",
        "headers": [(name, text.encode("latin-1"))],
    }


def _forwarded(text: str) -> None:
    found, _ = forwarded.client_of(_scope(b"x-forwarded-for", text), _PROXIES)
    network_of(found)
    network_of(text)


def _docs(text: str) -> None:
    """Choose the form of a page of the documentation."""
    for name in (b"accept", b"cookie", b"if-none-match", b"accept-encoding"):
        environ = wsgi_bridge.build_environ(_scope(name, text, b"/docs"))
        responses.key_of(environ)
        responses._takes_gzip(environ)
    kept = responses.Responses()
    key = responses.key_of({"PATH_INFO": "/docs", "REQUEST_METHOD": "GET"})
    assert key is not None
    kept.put(key, "page", "text/html")
    environ = {"PATH_INFO": "/docs", "REQUEST_METHOD": "GET", "QUERY_STRING": ""}
    responses.answer(kept, {**environ, "HTTP_IF_NONE_MATCH": text})


def _signed(text: str) -> None:
    """Check the signature of a call to an inbox; the headers are the lines of the text."""
    lines = [*text.split("\n"), "", "", ""]
    check = SignatureCheck(
        [_SECRET] * 2, signature=lines[0], message_id=lines[1], timestamp=lines[2]
    )
    check.update(b"body")
    check.result(NOW)
    names = ("wakecall-attempt", "webhook-id", "wakecall-scheduled-for")
    inbox_calls._of_wakecall(dict(zip(names, lines, strict=False)))


def _environ(text: str) -> None:
    """Make the WSGI environment of a request whose path, query and header are the text."""
    scope = _scope(text.encode("latin-1"), text, text.encode("latin-1"))
    wsgi_bridge.build_environ({**scope, "query_string": text.encode("latin-1")})
    inbox_calls._split(b"/in/" + text.encode("latin-1"))
    inbox_calls._kept_headers(scope)


HEADERS: Final[dict[str, Parser]] = {
    "a key in a header": Parser(
        read=_identify,
        samples=(
            "Bearer wk_0123456789ABCDEFGHIJabcdefghijklmnopqrstuvwxyz012345678901",
            f"Basic {b64encode(b'acme:wk_a').decode()}",
            f"__Host-wakecall={'a' * 43}; wakecall=b",
        ),
        words=("Bearer ", "Basic ", "wk_", ";", "=", "wakecall=", " ", "YTpi"),
        letters=HEADER,
    ),
    "X-Forwarded-For": Parser(
        read=_forwarded,
        samples=("203.0.113.7, 10.0.0.2", "2001:db8::1, ::ffff:10.0.0.1", "unknown", "fe80::1%a"),
        words=(",", "::", "%", "::ffff:", "10.0.0.2", " "),
        letters=HEADER,
    ),
    "Accept-Encoding": Parser(
        read=negotiation.accepts_gzip,
        samples=("gzip, deflate, br", "gzip;q=0"),
        words=("gzip", ",", ";q="),
        letters=HEADER,
    ),
    "headers of a page of the documentation": Parser(
        read=_docs,
        samples=('"a", W/"b"', "theme=dark; a=b", "text/markdown", "*", "gzip"),
        words=("W/", '"', ",", "theme=", "wakecall_theme=", ";", "\\"),
        drawn=grammars.ACCEPT,
        letters=HEADER,
    ),
    "the signature of a call to an inbox": Parser(
        read=_signed,
        samples=(
            "v1,a v1,b\n01890a5d-ac96-774b-bcce-b302099a8057\n1893456000",
            "3\n01890a5d-ac96-774b-bcce-b302099a8057\n2030-01-01T00:00:00Z",
        ),
        words=("v1,", " ", "\n", "-", "\xb2"),
        letters=BINARY,
    ),
    "a request of ASGI": Parser(
        read=_environ,
        samples=("/1/jobs/a%2Fb", "x-a", "%ff"),
        words=("%", "%00", "_", "/", "?"),
        letters=BINARY,
    ),
    "a completion token": Parser(
        read=lambda text: _TOKENS.fits(text, _RUN),
        samples=(_TOKENS.make(_RUN), "a"),
    ),
}

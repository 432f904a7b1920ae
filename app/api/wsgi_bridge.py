"""WSGI bridge: translates requests and responses between ASGI 3 and WSGI (PEP 3333)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote_to_bytes

from app.api.head_notes import NOTES
from app.http_server import exchange
from app.http_server.exchange import BODY

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_AT_ONCE: Final = 1024 * 1024
MAX_TARGET: Final = 16 * 1024
"""Of a request's target, the most characters; the application refuses more (`check_target`)."""
_MAX_KNOWN_NAME: Final = 64
"""Of the name of a field whose variable is remembered, the most characters."""

ONWARD: Final = "wakecall.onward"
"""The name in the WSGI environment of the list for a request that another server answers; absent
where none is passed on."""

OF_HEAD: Final = "environ"
"""The name in the notes of what the environment has of the head, which must not be changed."""

_COOKIE: Final = "HTTP_COOKIE"

BASE: Final[Message] = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "wakecall",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}


class ResponseRest:
    """The rest of a long response; may be closed before any of it is read."""

    def __init__(self, pieces: Iterator[bytes], chunks: Iterable[bytes]) -> None:
        self._pieces = filter(None, pieces)
        self._chunks = chunks

    def __next__(self) -> bytes:
        return next(self._pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def close(self) -> None:
        """Release what the application keeps open for the response."""
        _close(self._chunks)


@dataclass(frozen=True, kw_only=True, slots=True)
class WsgiResponse:
    """The response of the application: its first bytes, and an iterator of the rest."""

    status: int
    headers: list[tuple[bytes, bytes]]
    start: bytes
    rest: ResponseRest | None


def build_environ(scope: Message) -> Message:
    """Return the WSGI environment of a request; REQUEST_URI is its target, still encoded.

    Method and path are those by which Flask finds the route: in upper case, and with one slash at
    the beginning. Judged as it came, a `get` of `//1/runs` would have the bounds of no route.
    PATH_INFO has the beginning of a target that is too long: decoding 60 KB takes 15 ms.
    """
    notes: Message | None = scope.get(exchange.NOTES)
    if notes is None:
        environ = _of_head(scope)
    else:
        if OF_HEAD not in notes:
            notes[OF_HEAD] = _of_head(scope)
        environ = {**notes[OF_HEAD], NOTES: notes}
    environ["REMOTE_ADDR"] = scope["client"][0]
    environ["SERVER_NAME"], port = scope["server"]
    environ["SERVER_PORT"] = str(port)
    environ["wsgi.input"] = BytesIO()
    if scope.get(BODY):
        environ[BODY] = scope[BODY]
    return environ


def _of_head(scope: Message) -> Message:
    """What the environment has of the head of a request."""
    raw, query = scope["raw_path"], scope["query_string"]
    environ = {
        **BASE,
        "REQUEST_METHOD": scope["method"].upper(),
        "PATH_INFO": _path(raw),
        "QUERY_STRING": query.decode("latin-1"),
        "REQUEST_URI": (raw + b"?" + query if query else raw).decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.url_scheme": scope["scheme"],
    }
    for name, value in scope["headers"]:
        key = variable(name)
        if key is not None:
            text = (_utf8_cookies(value) if key == _COOKIE else value).decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _path(raw: bytes) -> str:
    path = unquote_to_bytes(raw[:MAX_TARGET]).decode("latin-1")
    return "/" + path.lstrip("/") if path.startswith("//") else path


def _utf8_cookies(field: bytes) -> bytes:
    """Return the cookies that are UTF-8: werkzeug would read none beside one that is not.

    Such a cookie is another application's on the same host.
    """
    if field.isascii():
        return field
    return b";".join([each for each in field.split(b";") if _is_utf8(each)])


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


async def send_whole(answer: WsgiResponse, send: Send) -> None:
    """Send a short, complete response, which the server accepts at once."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.start, "more_body": False})


def run(app: WSGIApplication, environ: Message) -> WsgiResponse:
    """Return the application's response: a short one complete, a long one with a rest."""
    head: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: object = None
    ) -> Callable[[bytes], object]:
        head.append((status, headers))
        return _no_write

    chunks = app(environ, cast("Any", start_response))
    try:
        start, rest = _read_ahead(chunks)
    except BaseException:
        _close(chunks)
        raise
    status, headers = head[-1]
    return WsgiResponse(
        status=int(status[:3]),
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        start=start,
        rest=rest,
    )


def _read_ahead(chunks: Iterable[bytes]) -> tuple[bytes, ResponseRest | None]:
    parts, size = [], 0
    iterator = iter(chunks)
    for chunk in iterator:
        parts.append(chunk)
        size += len(chunk)
        if size > _AT_ONCE:
            return b"".join(parts), ResponseRest(iterator, chunks)
    _close(chunks)
    return b"".join(parts), None


def _close(chunks: Iterable[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _no_write(_data: bytes) -> object:
    raise NotImplementedError("answers are returned, not written")


def variable(name: bytes) -> str | None:
    """Return the WSGI variable of a header field; None for a field that is ignored.

    Ignored are names with an underscore, which could be taken for another field, and `Upgrade`,
    which a server may ignore (RFC 9110, 7.8). With `Upgrade`, werkzeug would look only for routes
    of WebSocket.
    """
    # Anybody can send a name of 64 KiB, of which 256 would be kept.
    return _known_variable(name) if len(name) <= _MAX_KNOWN_NAME else _variable(name)


def _variable(name: bytes) -> str | None:
    if b"_" in name or name.lower() == b"upgrade":
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


_known_variable: Final = lru_cache(maxsize=256)(_variable)
"""As `_variable`, of the short names, which nearly all are."""

"""Target: what an attacker knows of the instance, and the documents it sends."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from app.domain.instants import format_utc
from bench.children import Failed
from bench.client import request

ADDRESSES: Final = tuple(f"127.0.9.{1 + n}" for n in range(20))
"""Where the attacker's receiver listens; the measured account has other addresses."""

PER_BULK: Final = 1000
_FAR: Final = timedelta(days=30)
_SETUP_S: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The instance, the attacker's account and receiver; `closed` is a port without a listener.

    `facts` is what the preparation of a attack has found, as JSON.
    """

    port: int
    account: str
    key: str
    receiver: int
    closed: int
    facts: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it is handed to another process."""
        return asdict(self)

    def url(self, path: str, number: int = 0) -> str:
        """A path of the attacker's receiver, on one of its addresses."""
        return f"http://{ADDRESSES[number % len(ADDRESSES)]}:{self.receiver}{path}"

    def json(self, method: str, path: str, document: object, **headers: str) -> bytes:
        """A request of the account with a JSON document."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.request(method, path, body, Content_Type="application/json", **headers)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """A request of the account."""
        return request(method, path, body, Authorization=f"Bearer {self.key}", **headers)

    def ask(self, method: str, path: str, document: object = None, **headers: str) -> Any:  # noqa: ANN401 - JSON
        """The JSON that answers a request of a preparation; None for none. Raises Failed."""
        return self._asked(method, path, document, **headers)[0]

    def ask_all(self, path: str) -> list[Any]:
        """All that a list has, page by page. Raises Failed."""
        found: list[Any] = []
        following: str | None = path
        while following:
            page, following = self._asked("GET", following)
            found += page
        return found

    def _asked(
        self, method: str, path: str, document: object = None, **further: str
    ) -> tuple[Any, str | None]:
        """The JSON, and the path of the page after it; what is too early is asked for again."""
        connection = _connection(self.port)
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        headers |= {name.replace("_", "-"): text for name, text in further.items()}
        body = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(document)
        give_up = time.monotonic() + _SETUP_S
        while True:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.client.TOO_MANY_REQUESTS or time.monotonic() > give_up:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        if answer.status >= http.client.BAD_REQUEST:
            said = " ".join(text.decode().split())
            raise Failed(f"{method} {path} was answered {answer.status}: {said[:300]}")
        link = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        return json.loads(text) if text else None, link or None

    def bulk(self, path: str, when: str, count: int = PER_BULK, **members: Any) -> bytes:  # noqa: ANN401 - members of a job
        """So many one-time jobs for a path of the receiver, as a document of the bulk route."""
        return json.dumps(
            [{"url": self.url(path, n), "when": when, **members} for n in range(count)]
        ).encode()


@cache
def _connection(port: int) -> http.client.HTTPConnection:
    """One for all requests of a preparation, which is a process of its own."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=_SETUP_S)


def far() -> str:
    """An instant long after the measurement."""
    return format_utc(datetime.now(UTC) + _FAR)


def soon(seconds: float = 1.0) -> str:
    """An instant in so many seconds."""
    return format_utc(datetime.now(UTC) + timedelta(seconds=seconds))

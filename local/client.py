"""Client: HTTP requests to this instance, directly and without a proxy."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from app.errors import Unavailable

_WAIT_S: Final = 5.0
_POLL_S: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """Where the instance listens, and the key of the account to speak for."""

    host: str
    port: int
    key: str = ""

    def ask(
        self, method: str, path: str, document: dict[str, Any] | None = None
    ) -> tuple[int, str]:
        """Status and text of the answer. Raises Unavailable when there is none."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_WAIT_S)
        headers = {"accept": "application/json"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        body = None
        if document is not None:
            headers["content-type"] = "application/json"
            body = json.dumps(document)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"no answer from port {self.port}: {error}") from None
        finally:
            connection.close()


def await_ready(client: Client, alive: Callable[[], bool], *, patience_s: float) -> str:
    """Wait until all processes are ready; returns "" then, else the last answer of /readyz."""
    give_up = time.monotonic() + patience_s
    said = ""
    while alive() and time.monotonic() < give_up:
        try:
            status, said = client.ask("GET", "/readyz?all=true")
        except Unavailable as error:
            said = error.message
        else:
            if status == http.client.OK:
                return ""
        time.sleep(_POLL_S)
    return " ".join(said.split()) or "it was stopped"

"""Session: sends the requests of a client, each as often as its retries allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

import httpx2

from wakecall._core.answers import Answer
from wakecall._core.attempts import Attempts, Failure, Finished, Wait
from wakecall._core.configuration import Configuration, checked_timeout
from wakecall._core.failures import failure_of
from wakecall._core.proxies import with_proxies
from wakecall._core.requests import Request
from wakecall._sync.pages import Pages
from wakecall.retries import Retries

T = TypeVar("T")

_MAX_BYTES: Final = 64 * 1024 * 1024
_TRICKLE: Final = 6
"""An answer that still trickles in after so many timeouts is given up."""


class Session:
    """Sends requests to one service. Safe to share."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        timeout: float,
        retries: Retries,
        http: httpx2.Client | None,
    ) -> None:
        self._configuration = configuration
        self._timeout = checked_timeout(timeout)
        self._retries = retries
        self._owns_http = http is None
        self._http = with_proxies(httpx2.Client) if http is None else http

    def close(self) -> None:
        """Close the connections, unless they are those of the caller's own client."""
        if self._owns_http:
            self._http.close()

    def send(self, request: Request, read: Callable[[Answer], T]) -> T:
        """The value of the answer; raises WakecallError."""
        attempts = Attempts(request, read, self._retries)
        while True:
            step = self._judge(attempts, self._exchange(request))
            if isinstance(step, Finished):
                return step.value
            time.sleep(step.seconds)

    def pages(
        self,
        request: Request,
        read: Callable[[Answer], tuple[T, ...]],
        limit: int | None = None,
    ) -> Pages[T]:
        """The list that a request begins."""
        return Pages(self.send, request, read, limit)

    def _judge(self, attempts: Attempts[T], outcome: Answer | Failure) -> Finished[T] | Wait:
        """What follows from an attempt, whose answer is read here."""
        return attempts.judge(outcome)

    def _exchange(self, request: Request) -> Answer | Failure:
        """Send the request once."""
        timeout = self._timeout + request.patience
        give_up_at = monotonic() + request.patience + _TRICKLE * self._timeout
        try:
            with self._http.stream(
                request.method,
                self._configuration.url_of(request),
                content=request.body,
                headers=self._configuration.headers_of(request),
                timeout=httpx2.Timeout(self._timeout, read=timeout),
                auth=None,
                follow_redirects=False,
            ) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        return Failure(reason="the answer is too long", is_sent=True)
                    if monotonic() > give_up_at:
                        return Failure(reason="the answer takes too long", is_sent=True)
        except httpx2.InvalidURL as error:
            raise ValueError(f"The address cannot be sent: {error}") from None
        except httpx2.RequestError as error:
            return failure_of(error)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=bytes(body))

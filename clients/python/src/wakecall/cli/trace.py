"""Trace: prints each request of a command on standard error, for --verbose."""

from __future__ import annotations

import time
from typing import Any

import click
import httpx2

from wakecall.cli import escapes


class TracingClient(httpx2.Client):
    """Sends requests, and prints a line for each answer or failure."""

    def send(self, request: httpx2.Request, **settings: Any) -> httpx2.Response:  # noqa: ANN401 - of httpx2
        """Send a request and print its method, address, status, request id and duration."""
        began = time.perf_counter()
        try:
            response = super().send(request, **settings)
        except httpx2.TransportError as error:
            _print(request, f"{type(error).__name__}: {error}", began)
            raise
        named = response.headers.get("x-request-id")
        _print(request, f"{response.status_code}{f' request {named}' if named else ''}", began)
        return response


def _print(request: httpx2.Request, result: str, began: float) -> None:
    took = (time.perf_counter() - began) * 1000
    line = f"{request.method} {request.url} -> {result}, {took:.0f} ms"
    click.echo(escapes.printable(line), err=True)

"""Trace: prints each request of a command on standard error, for --verbose."""

from __future__ import annotations

import time

import click
import httpx2


class Tracing(httpx2.BaseTransport):
    """Carries requests by another transport, and prints a line for each answer or failure."""

    def __init__(self, carrier: httpx2.BaseTransport) -> None:
        self._carrier = carrier

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and print its method, address, status, request id and duration."""
        began = time.perf_counter()
        try:
            response = self._carrier.handle_request(request)
        except httpx2.TransportError as error:
            self._print(request, f"{type(error).__name__}: {error}", began)
            raise
        named = response.headers.get("x-request-id")
        self._print(request, f"{response.status_code}{f' request {named}' if named else ''}", began)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._carrier.close()

    @staticmethod
    def _print(request: httpx2.Request, result: str, began: float) -> None:
        took = (time.perf_counter() - began) * 1000
        click.echo(f"{request.method} {request.url} -> {result}, {took:.0f} ms", err=True)

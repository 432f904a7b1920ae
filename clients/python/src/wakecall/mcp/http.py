"""HTTP: a server for many accounts, each request of which carries the key that it works with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, tzinfo
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx2
import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from wakecall import AsyncClient, Retries
from wakecall._core.proxies import with_proxies
from wakecall.mcp.access import Access
from wakecall.mcp.admission import Admission
from wakecall.mcp.keys import Keys, ServiceAway
from wakecall.mcp.long_answers import SWITCH_S, SharedClient
from wakecall.mcp.one_key import READ
from wakecall.mcp.server import build
from wakecall.mcp.turns import Turns

PATH: Final = "/mcp"
LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")

MAX_BODY_BYTES: Final = 64 * 1024
MAX_CONNECTIONS: Final = 1000
"""Of all clients together; further requests are answered 503."""

_RETRIES: Final = Retries(max_attempts=2, max_wait=2.0)
_TIMEOUT_S: Final = 10.0


class KeyOfRequest(Access):
    """The access of each request with its own key."""

    def __init__(
        self,
        url: str,
        http: httpx2.AsyncClient,
        *,
        is_read_only: bool = False,
        zone: tzinfo | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._url = url
        self._http = http
        self._is_read_only = is_read_only
        self._zone = zone or UTC
        self._turns = turns or Turns()

    @property
    def zone(self) -> tzinfo:
        """The zone that was given, else UTC: the agent is on another machine."""
        return self._zone

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)

    def client(self) -> AsyncClient:
        """A client with the key of the request, on the connections of the server."""
        return self.client_of(_token().token)

    def client_of(self, key: str) -> AsyncClient:
        """A client with a key."""
        return SharedClient(
            key, url=self._url, http=self._http, timeout=_TIMEOUT_S, retries=_RETRIES
        )

    async def may_write(self) -> bool:
        """Whether the key of the request may change things."""
        return not self._is_read_only and READ not in _token().scopes

    def turn(self) -> AbstractAsyncContextManager[None]:
        """A turn of the account of the request."""
        return self._turns.turn(_token().client_id)


def _token() -> AccessToken:
    token = get_access_token()
    if token is None:
        raise ServiceAway
    return token


def application(access: KeyOfRequest, url: str, hosts: Sequence[str] = ()) -> ASGIApp:
    """The server as an application of ASGI. `hosts` are the names under which it is reached."""
    keys = Keys(access.client_of)
    server = build(
        access,
        token_verifier=keys,
        # Keys come from Wakecall itself: no page for a login is announced.
        auth=AuthSettings(issuer_url=AnyHttpUrl(url), resource_server_url=None),
    )
    names = [*hosts, *LOCAL_HOSTS]
    inner = _PostsOnly(
        server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=MAX_BODY_BYTES,
            transport_security=TransportSecuritySettings(
                enable_dns_rebinding_protection=True,
                allowed_hosts=[*names, *(f"{each}:*" for each in names)],
                allowed_origins=[],
            ),
        )
    )
    return Admission(inner, partial(_sender_of, keys))


def _sender_of(keys: Keys, scope: Scope) -> str:
    """The account whose key a request carries, or else the address that it comes from.

    Both are names that the other cannot have: no account's name contains a space.
    """
    fields = dict(scope["headers"])
    scheme, _, token = fields.get(b"authorization", b"").decode("latin-1").partition(" ")
    account = keys.account_of(token.strip()) if scheme.lower() == "bearer" else None
    if account is not None:
        return account
    client = scope.get("client") or ("", 0)
    return f"from {client[0]}"


class _PostsOnly:
    """Refuses all but POST: a GET would be a stream that stays open with nothing to come."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] != "POST":
            refusal = PlainTextResponse("Send POST.", 405, headers={"Allow": "POST"})
            await refusal(scope, receive, send)
            return
        try:
            await self._inner(scope, receive, send)
        except ServiceAway:
            away = PlainTextResponse(
                "The key cannot be checked at present.", 503, headers={"Retry-After": "1"}
            )
            await away(scope, receive, send)


def connections(transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """The connections to the service, which all accounts share.

    They keep no cookies: one that a proxy set for an account would go with the next one's requests.
    """
    return with_proxies(
        lambda: httpx2.AsyncClient(
            transport=transport,
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=100),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )
    )


def serve(
    url: str,
    *,
    host: str,
    port: int,
    hosts: Sequence[str] = (),
    is_read_only: bool = False,
    zone: tzinfo | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    sys.setswitchinterval(SWITCH_S)
    access = KeyOfRequest(url, connections(), is_read_only=is_read_only, zone=zone)
    uvicorn.run(
        application(access, url, hosts),
        host=host,
        port=port,
        log_level="warning",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=15,
        server_header=False,
    )

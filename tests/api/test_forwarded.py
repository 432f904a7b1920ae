"""The address of a client: that of the connection, or what the operator's proxies say."""

from __future__ import annotations

import asyncio

import pytest

from app.api.asgi import AsgiApp
from app.api.forwarded import Network, client_of
from app.config import networks
from tests.api.exchange import Exchange, scope_of

PROXIES = networks("", "127.0.0.1/32, 10.0.0.0/8, 2001:db8::/32")


@pytest.mark.parametrize(
    ("connected", "told", "client"),
    [
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.9, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.9, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.1,2001:db8::7", "192.0.2.1"),
        ("::ffff:127.0.0.1", "2001:db9::1", "2001:db9::1"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1, x, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", ", ".join(["192.0.2.1", *["10.1.2.3"] * 20]), "10.1.2.3"),
        # Nobody else is believed.
        ("192.0.2.5", "192.0.2.1", "192.0.2.5"),
        ("127.0.0.2", "192.0.2.1", "127.0.0.2"),
        ("", "192.0.2.1", ""),
    ],
)
def test_the_last_address_that_is_not_a_proxy_is_the_client(
    connected: str, told: str, client: str
) -> None:
    scope = {**scope_of("GET", x_forwarded_for=told), "client": (connected, 7)}
    assert client_of(scope, PROXIES) == (client, 7)


def test_fields_of_the_same_name_are_one_list() -> None:
    scope = scope_of("GET")
    scope["headers"] = [(b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"10.1.2.3")]
    assert client_of(scope, PROXIES) == ("192.0.2.1", 1)


@pytest.mark.parametrize(("proxies", "seen"), [(PROXIES, "192.0.2.1"), ((), "127.0.0.1")])
def test_the_application_sees_the_client_only_where_proxies_are_configured(
    proxies: tuple[Network, ...], seen: str
) -> None:
    exchange = Exchange()
    asgi = AsgiApp(exchange.app, proxies=proxies)
    scope = scope_of("GET", x_forwarded_for="192.0.2.1")
    asyncio.run(asgi(scope, exchange.receive, exchange.send))
    assert exchange.seen["REMOTE_ADDR"] == seen

"""The addresses of inboxes: exactly one origin and the paths of inboxes, spelt in one way."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from app.domain.booking import check
from app.domain.inbox import is_token, new_token
from app.domain.inbox_address import InboxAddress, is_inbox, read_origin
from app.domain.job import Booking
from app.domain.one_time import At
from app.domain.target import MAX_URL
from app.domain.url_rules import UrlRules
from app.errors import InvalidMember
from tests.factories import in_seconds

TOKEN = "a1" * 16
INBOXES = InboxAddress(origin=read_origin("http://127.0.0.1:8000"))
BELOW = InboxAddress(origin=read_origin("https://wake.example"), prefix="/wakecall")


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:8000/in/{TOKEN}",
        f"HTTP://127.0.0.1:8000/in/{TOKEN}/",
        f"http://127.0.0.1:8000/in/{TOKEN}/orders/7.json?x=%2e%2e/../&y=//#part",
    ],
)
def test_an_inbox_is_called_whatever_address_it_has(url: str) -> None:
    assert is_inbox(url, INBOXES, ())
    check(Booking(url=url, trigger=At(instant=in_seconds(60))), UrlRules(inboxes=INBOXES))


def test_the_prefix_is_part_of_the_path() -> None:
    assert is_inbox(f"https://WAKE.example:443/wakecall/in/{TOKEN}", BELOW, ())
    assert not is_inbox(f"https://wake.example/in/{TOKEN}", BELOW, ())
    assert not is_inbox(f"https://wake.example/wakecall/in/{TOKEN}x", BELOW, ())


@pytest.mark.parametrize(
    "url",
    [
        # Another origin.
        f"https://127.0.0.1:8000/in/{TOKEN}",
        f"http://127.0.0.1:8001/in/{TOKEN}",
        f"http://127.0.0.1/in/{TOKEN}",
        f"http://127.0.0.2:8000/in/{TOKEN}",
        f"http://localhost:8000/in/{TOKEN}",
        f"http://[::ffff:127.0.0.1]:8000/in/{TOKEN}",
        f"http://2130706433:8000/in/{TOKEN}",
        f"http://127.0.0.1:8000@127.0.0.1:8000/in/{TOKEN}",
        # Another path.
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000/in/",
        "http://127.0.0.1:8000/1/jobs",
        f"http://127.0.0.1:8000/IN/{TOKEN}",
        f"http://127.0.0.1:8000//in/{TOKEN}",
        f"http://127.0.0.1:8000/x/in/{TOKEN}",
        f"http://127.0.0.1:8000/in/{TOKEN[:-1]}",
        f"http://127.0.0.1:8000/in/{TOKEN}x",
        f"http://127.0.0.1:8000/in/{TOKEN[:-1]}-",
        # A path that a proxy or a server could take for another one.
        f"http://127.0.0.1:8000/in/../in/{TOKEN}",
        f"http://127.0.0.1:8000/in/{TOKEN}/../../1/jobs",
        f"http://127.0.0.1:8000/in/{TOKEN}/..",
        f"http://127.0.0.1:8000/in/{TOKEN}/./x",
        f"http://127.0.0.1:8000/in/{TOKEN}//x",
        f"http://127.0.0.1:8000/in/{TOKEN}/%2e%2e/%2e%2e/1/jobs",
        f"http://127.0.0.1:8000/in/{TOKEN}/x;/../y",
        f"http://127.0.0.1:8000/in/{TOKEN}/x\\..\\y",
        f"http://127.0.0.1:8000/in%2f{TOKEN}",
        f"http://127.0.0.1:8000/%69n/{TOKEN}",
        # No URL, or one that is too long.
        "/in/" + TOKEN,
        f"http://127.0.0.1:8000/in/{TOKEN}/{'x' * MAX_URL}",
    ],
)
def test_nothing_else_of_this_machine_is_called(url: str) -> None:
    assert not is_inbox(url, INBOXES, ())
    with pytest.raises(InvalidMember):
        check(Booking(url=url, trigger=At(instant=in_seconds(60))), UrlRules(inboxes=INBOXES))


def test_the_urls_of_events_follow_the_same_rule() -> None:
    def booking(url: str) -> Booking:
        return Booking(
            url="https://example.com/wake",
            trigger=At(instant=in_seconds(60)),
            on_success=url,
            on_failure=url,
        )

    check(booking(f"http://127.0.0.1:8000/in/{TOKEN}"), UrlRules(inboxes=INBOXES))
    with pytest.raises(InvalidMember) as refusal:
        check(booking("http://127.0.0.1:8000/1/jobs"), UrlRules(inboxes=INBOXES))
    assert refusal.value.member == "onSuccess"


def test_the_operators_deny_takes_precedence() -> None:
    url = f"http://127.0.0.1:8000/in/{TOKEN}"
    denied = (ip_network("127.0.0.0/8"),)

    assert not is_inbox(url, INBOXES, denied)
    assert is_inbox(url, INBOXES, (ip_network("::/0"), ip_network("10.0.0.0/8")))
    with pytest.raises(InvalidMember):
        check(
            Booking(url=url, trigger=At(instant=in_seconds(60))),
            UrlRules(deny=denied, inboxes=INBOXES),
        )


@pytest.mark.parametrize(
    "url", ["https://wake.example/x", "https://wake.example/?x", "http://wake.example:22", "wake"]
)
def test_an_origin_is_scheme_host_and_port(url: str) -> None:
    with pytest.raises(InvalidMember):
        read_origin(url)


def test_tokens_differ_and_have_the_form_that_is_called() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(map(is_token, tokens))
    assert all(is_inbox(f"http://127.0.0.1:8000/in/{each}", INBOXES, ()) for each in tokens)
    assert not any(map(is_token, ("", "x", "a" * 31, "a" * 33, "ü" * 32, "-" * 32, "a" * 31 + "²")))

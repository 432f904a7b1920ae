"""What a client is made with, before it sends anything."""

from __future__ import annotations

import sys

import pytest

import wakecall
from tests.ports import free_port
from wakecall import AsyncClient, Client, NotConfigured

URL = "https://wakecall.test"


@pytest.mark.parametrize("timeout", [float("nan"), 0, -1])
def test_a_time_limit_that_is_not_a_number_or_leaves_no_time_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="a number of seconds above 0"):
        Client("wk_x", url=URL, timeout=timeout)


def test_a_time_limit_may_have_no_end() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with (
        Client("wk_x", url=url, timeout=float("inf"), retries=wakecall.NO_RETRIES) as client,
        pytest.raises(wakecall.Unreachable),
    ):
        client.account()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "proxy", "remedy"),
    [
        ("ALL_PROXY", "socks5://eve:s3cret@127.0.0.1:1080", "pip install socksio"),
        ("all_proxy", "socks5h://127.0.0.1:1080", "pip install socksio"),
        ("HTTPS_PROXY", "gopher://eve:s3cret@proxy", "Set it to a proxy"),
        ("HTTP_PROXY", "http://eve:s3cret@proxy:x", "Set it to a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Client | AsyncClient],
    name: str,
    proxy: str,
    remedy: str,
) -> None:
    for each in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(each, raising=False)
        monkeypatch.delenv(each.lower(), raising=False)
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(name, proxy)

    with pytest.raises(NotConfigured, match=remedy) as caught:
        kind("wk_x", url=URL)

    assert str(caught.value).startswith(f"{name} is ")
    assert "s3cret" not in str(caught.value)

"""What a client is made with, before it sends anything."""

from __future__ import annotations

import pytest

import wakecall
from tests.ports import free_port
from wakecall import Client

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

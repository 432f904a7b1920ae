"""What the tests of the outbound side share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.delivery.outbound import Outbound
from tests.receiver import Receiver


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    with Outbound() as outbound:
        yield outbound


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver

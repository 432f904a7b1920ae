"""The settler at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.domain.run import Reply
from tests.workers.test_courier import Stage
from workers.link import Link
from workers.settler import Settler


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def test_an_end_without_a_database_is_an_end_all_the_same(stage: Stage) -> None:
    stage.hold(0.0)
    stage.engine.answer(Reply(status=204))
    settler = Settler(Link("postgresql://127.0.0.1:1/nowhere", "settler"), stage.courier, "test")

    settler.flush()

    assert not settler.empty

"""The keeper: leases, questions and unbidden takes, against a real database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.domain.pace import LEASE
from app.service.secrets import SecretBox
from tests.booked import add_account, book, claim_and_take, connect
from tests.workers.test_courier import SECRET, Stage
from workers.held import hold
from workers.keeper import Keeper
from workers.keyring import Keyring
from workers.link import Link


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def test_leases_that_lapsed_while_the_database_was_away_are_renewed_before_calls_go_on(
    database: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database) as connection:
        book(connection, add_account(connection), due_in=0.2)
        (run,) = claim_and_take(connection)
    held = hold(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)
    stage.courier.accept([held])
    stage.step(run.remaining)
    assert list(stage.courier.questions) == [held]
    stage.step(LEASE.total_seconds())
    answered = stage.courier.answered

    def answered_at_once(*answer: Any) -> None:
        """The loop's thread may go on before the keeper's does."""
        answered(*answer)
        stage.step()

    monkeypatch.setattr(stage.courier, "answered", answered_at_once)
    keeper = Keeper(
        Link(database, "keeper"),
        stage.courier,
        Keyring(SecretBox((Fernet.generate_key().decode(),))),
        hears_bells=lambda: True,
        on_suspects=lambda: None,
        clock=stage.clock,
    )
    keeper.once()
    keeper.close()
    assert len(stage.engine.calls) == 1

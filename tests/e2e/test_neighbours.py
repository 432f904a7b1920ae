"""Neighbours: whatever one account does as fast as it can, another one's calls and requests go on.

These bounds find what waits without end. Whose turn it is, tests/api/neighbours counts without a
clock; and `make bench-neighbours` measures each operation alone, against closer bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from bench import receiver
from bench.children import ask
from bench.neighbours.beside import Load, Noticed, measure
from bench.neighbours.operations import GROUPS, OPERATIONS
from bench.neighbours.setting import Setting, started
from bench.plan import QUICK
from tests.e2e.conftest import Report
from tests.servers import temp_folder

SIZES = {"jobs": 2_000, "runs": 20, "tasks": 20, "pool": 20}
LOAD = Load(seconds=1.0, connections=1, patience_s=30.0)
# For a shared, slow machine: the tests are to find calls and requests that wait without end.
CALLS_P99_MS = 3_000
REQUESTS_P50_MS = 15_000

REFUSED = {
    "RPC InvokeService",  # outside a sidecar
    # Of operators.
    *(f"GET console.{each}" for each in ("show_operation", "ask_about_account")),
    *(
        f"POST console.{each}"
        for each in (
            *("change_account", "invite_account", "revoke_any_invitation"),
            *("forget_operator_link", "accept_request"),
        )
    ),
    # With a wrong password.
    *(
        f"POST console.{each}"
        for each in (
            *("delete_account", "delete_user", "change_password", "show_secrets", "sign_in"),
        )
    ),
    # With the token of no link, or of nobody's session or invitation.
    *(f"GET console.{each}" for each in ("show_invitation", "show_reset", "show_sign_in_link")),
    *(f"POST console.{each}" for each in ("join", "reset", "use_sign_in_link", "end_session")),
    # Without the state that the page before gives, and of an older version of a job.
    *("GET console.show_progress", "POST console.continue_action", "POST console.update_job"),
    # Where there is no mail, and where sign-up is closed.
    *("POST console.mail_reset", "POST console.begin_sign_up"),
    *(f"{method} front.show" for method in ("POST", "PUT", "PATCH", "DELETE")),
}
"""Operations whose requests are refused, once all is checked that an account can pass."""

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    with (
        temp_folder() as folder,
        receiver.started(own=True) as calls,
        started(QUICK, calls, folder, lambda _text: None, sizes=SIZES) as made,
    ):
        yield made


def starved(noticed: Noticed) -> list[str]:
    """What of the account was missing or waited too long, a line each."""
    found = []
    if noticed.calls.failed or noticed.calls.p99 > CALLS_P99_MS:
        found.append(f"calls: {noticed.calls}")
    found += [
        f"{kind}: {each}"
        for kind, each in noticed.requests.items()
        if each.p50 > REQUESTS_P50_MS or each.failed > each.count / 2
    ]
    return found


def test_each_operation_is_valid(setting: Setting) -> None:
    question = {"target": setting.target.document(), "check": True}
    found = ask("bench.neighbours.attacker", question)

    assert found.keys() == OPERATIONS.keys()
    refused = {
        name: each for name, each in found.items() if min(map(int, each)) >= HTTPStatus.BAD_REQUEST
    }
    assert sorted(refused.items()) == sorted((name, refused.get(name)) for name in REFUSED)


@pytest.mark.parametrize("group", GROUPS)
def test_calls_and_requests_of_another_account_go_on_beside(
    setting: Setting, group: str, report: Report
) -> None:
    found = measure(setting, GROUPS[group], LOAD)
    setting.tidy()

    figures = ", ".join(f"{kind} p99 {each.p99:.0f} ms" for kind, each in found.requests.items())
    report(f"calls late by p99 {found.calls.p99:.0f} ms, {figures}")
    assert starved(found) == []

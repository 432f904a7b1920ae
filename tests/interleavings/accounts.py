"""Accounts: the deletion of an account, with all its jobs and runs, by the operator."""

from __future__ import annotations

from collections import Counter
from typing import Final

import psycopg

from app.service import account_lifecycle
from tests.interleavings.case import Case
from tests.interleavings.operations import Operation


def _delete(case: Case, _: psycopg.Connection) -> None:
    def wait(_seconds: float) -> None:
        case.leases_have_ended = True

    account_lifecycle.delete(case.context, case.caller.account.name, _report, wait=wait)


def _report(_gone: Counter[str]) -> None:
    """Do nothing."""


DELETE_ACCOUNT: Final = Operation("delete the account", _delete, stops=True)

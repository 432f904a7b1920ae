"""Invitations of the tests: the paths of their pages."""

from __future__ import annotations

from typing import Any

from flask import Flask

from app.api.context import context_of
from app.service import invitations
from tests.console.people import find_account


def invite(app: Flask, account: str | None = None, **further: Any) -> str:
    """The path of a new invitation's page."""
    context = context_of(app)
    into = None if account is None else find_account(app, account)
    link = invitations.create(context, into, **further).link
    return link.removeprefix(context.settings.base_url)

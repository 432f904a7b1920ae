"""Wakecall: a wake-up-call service for applications. `create_app` makes the web application."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Make the web application; raises Misconfigured.

    The settings are read from the environment unless they are given.
    """
    # Schedulers and workers import this package as well. The modules of the web would take a third
    # of their start.
    from app import factory  # noqa: PLC0415 - as said above

    return factory.assemble(settings)

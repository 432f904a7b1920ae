"""The context of the use cases, as the routes and commands of an application find it."""

from __future__ import annotations

from typing import Final

from flask import Flask, current_app

from app.service.context import Context

_EXTENSION: Final = "wakecall-context"


def install(app: Flask, context: Context) -> None:
    """Let the routes and commands of this application find its context."""
    app.extensions[_EXTENSION] = context


def context_of(app: Flask) -> Context:
    """The context of this application."""
    found: Context = app.extensions[_EXTENSION]
    return found


def current_context() -> Context:
    """The context of the application that answers the present request, or runs the command."""
    return context_of(current_app)

"""Context: how the routes and commands of an application find the context of the use cases."""

from __future__ import annotations

from typing import Final

from flask import Flask, current_app

from app.service.context import Context

_EXTENSION: Final = "wakecall-context"


def install(app: Flask, context: Context) -> None:
    """Store the context of this application for its routes and commands."""
    app.extensions[_EXTENSION] = context


def context_of(app: Flask) -> Context:
    """Return the context of this application."""
    found: Context = app.extensions[_EXTENSION]
    return found


def current_context() -> Context:
    """Return the context of the application that handles the current request or command."""
    return context_of(current_app)

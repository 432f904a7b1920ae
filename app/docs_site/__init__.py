"""The documentation, at `/docs`: pages made of the Markdown files of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Flask

from app.api import references
from app.config import Settings
from app.console import assets
from app.docs_site import errors, pages, responses, site

_STATIC: Final = Path(__file__).with_name("static")


def install(app: Flask, settings: Settings) -> None:
    """Serve the documentation with this application, beside the console, whose look it has."""
    assets.add(_STATIC)
    site.install(app, settings.path_prefix)
    responses.install(app)
    errors.install(app)
    references.add_pages(app, lambda code: f"{responses.PREFIX}/problems/{code}")
    app.register_blueprint(pages.docs)

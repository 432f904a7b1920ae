"""The specimen of tests/console as a server process serves it; its rows come from a file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from flask import Response, g, request

from app.api import serving
from app.console import forms
from app.console.rendering import page
from tests.console import specimen

STATE = Path(os.environ["SPECIMEN"])
app = specimen.make(Path(tempfile.mkdtemp()))


def _state() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STATE.read_text())
    return found


@app.before_request
def _fail() -> Response | None:
    status = _state().get("status")
    is_page = request.path == "/console/specimen"
    return Response("no", status) if status and is_page else None


def _rows() -> Response:
    """The specimen, with the rows of the state."""
    form = forms.Form(values={"url": "x"})
    state = _state()
    if "account" in state:
        g.viewer = specimen.Person(account_name=state["account"])
    return page(
        "specimen.html",
        form=form,
        states=state["rows"],
        changed="late" in state,
        instant=specimen.INSTANT,
    )


app.view_functions["specimen"] = _rows
asgi = serving.asgi_app(app)

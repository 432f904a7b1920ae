"""Front page: shows people at `/` what Wakecall is, and accepts requests for invitations.

Programs that ask for `/` get the problem of a path without a route.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from flask import Blueprint, Flask, Response, current_app, request
from flask.typing import ResponseReturnValue

from app.api import dialects
from app.api.context import current_context
from app.api.parameters import takes
from app.api.scopes import needs_no_key
from app.console import access, attempts, lateness_chart
from app.console.blueprint import console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page, wants_page
from app.domain.invitation import SignUp
from app.errors import NotFound, Unavailable
from app.service import sign_up
from app.service.public_accuracy import PublicAccuracy, PublicAccuracyCache

front: Final = Blueprint("front", __name__)
_EXTENSION: Final = "wakecall-public-accuracy"
_ASKED: Final = (
    "Thank you. If you are invited, the link is sent to your address. There is no need to send the "
    "form again."
)


def install(app: Flask) -> None:
    """Serve the page with this application."""
    app.extensions[_EXTENSION] = PublicAccuracyCache()
    app.register_blueprint(front)


@front.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@needs_no_key
@takes(ignoring=True)
def show() -> ResponseReturnValue:
    """Show the page to browsers."""
    if request.method not in {"GET", "HEAD"} or not wants_page():
        raise NotFound("There is nothing at this path.", remedy=dialects.paths_remedy("/"))
    return _page(Form())


@console.post("/beta")
@needs_no_key
@takes()
def ask() -> ResponseReturnValue:
    """Store a request for an invitation; the response is the same for a known address."""
    values = {name: request.form.get(name, "") for name in ("email", "purpose")}
    try:
        attempts.count(attempts.REQUEST)
        sign_up.request(
            current_context(), values["email"], values["purpose"], request.remote_addr or ""
        )
    except SHOWN as error:
        return _page(refused(error, values))
    return page("message.html", title="Request received", text=_ASKED)


def _page(form: Form) -> Response:
    # Without the database, the page is shown as to somebody who is not signed in.
    with suppress(*SHOWN):
        access.identify()
    accuracy = _accuracy()
    bars = () if accuracy is None else lateness_chart.bars(accuracy.histogram)
    mode = current_context().settings.sign_up
    return page(
        "front.html",
        form=form,
        mode=mode.value,
        can_ask=mode is SignUp.INVITE,
        can_sign_up=mode is SignUp.OPEN,
        window=None if accuracy is None else accuracy.window,
        bars=bars,
        chart=lateness_chart.draw(bars) if bars else "",
        percent=lateness_chart.percent,
        base_url=current_context().settings.base_url,
    )


def _accuracy() -> PublicAccuracy | None:
    """Return the figures; the page is shown without them while the database is away."""
    cache: PublicAccuracyCache = current_app.extensions[_EXTENSION]
    try:
        return cache.read(current_context())
    except Unavailable:
        return None

"""A receiver in Flask: it acts on calls of this account's Wakecall, and on no others."""

from __future__ import annotations

import os

from flask import Flask, Response, request

from wakecall import SignatureError, Webhook

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
webhook = Webhook(*os.environ["WAKECALL_SECRETS"].split())


@app.post("/wake")
def wake() -> Response:
    """Take a call. `get_data` gives the bytes as they came; `request.json` would not."""
    call = webhook.verify(request.get_data(), request.headers)
    app.logger.info("run %s, attempt %s: %r", call.id, call.attempt, call.body)
    return Response(status=204)


@app.errorhandler(SignatureError)
def refuse(error: SignatureError) -> Response:
    """Refuse a call that is not genuine."""
    return Response(str(error), 401, content_type="text/plain")

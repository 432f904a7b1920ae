"""A receiver in Starlette: it acts on calls of this account's Wakecall, and on no others."""

from __future__ import annotations

import logging
import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wakecall import SignatureError, Webhook

webhook = Webhook(*os.environ["WAKECALL_SECRETS"].split())


async def wake(request: Request) -> Response:
    """Take a call. `request.body` gives the bytes as they came."""
    try:
        call = webhook.verify(await request.body(), request.headers)
    except SignatureError as error:
        return PlainTextResponse(str(error), 401)
    logging.getLogger(__name__).info("run %s, attempt %s: %r", call.id, call.attempt, call.body)
    return Response(status_code=204)


app = Starlette(routes=[Route("/wake", wake, methods=["POST"])])

"""A receiver in FastAPI, whose work takes longer than a call may: it reports the result later."""

from __future__ import annotations

import logging
import os

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request, Response

from wakecall import AsyncClient, Call, SignatureError, Webhook, complete_later

app = FastAPI()
client = AsyncClient()  # of WAKECALL_URL; the token of a call stands in for an API key
webhook = Webhook(*os.environ["WAKECALL_SECRETS"].split())


@app.post("/wake")
async def wake(request: Request, tasks: BackgroundTasks) -> Response:
    """Take a call, and answer before the work begins.

    The body is read from the request: a parameter that FastAPI parses would be a copy of it.
    """
    try:
        call = webhook.verify(await request.body(), request.headers)
    except SignatureError as error:
        raise HTTPException(401, str(error)) from error
    tasks.add_task(work, call)
    return Response(status_code=202, headers=complete_later(within="10m"))


async def work(call: Call) -> None:
    """Do what the call asks for, then report the result; unreported, it is called again."""
    logging.getLogger(__name__).info("run %s, attempt %s: %r", call.id, call.attempt, call.body)
    await client.runs.complete(call.id, "succeeded", message="done", token=call.token)

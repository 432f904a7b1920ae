"""The web process: `app` for any WSGI server and the flask command, `front` for granian's ASGI."""

from __future__ import annotations

import sys
from functools import partial

from app import create_app
from app.api import process
from app.api.front import Front
from app.errors import Misconfigured

try:
    app = create_app()
except Misconfigured as error:
    sys.stderr.write(f"{error.message}\n")
    raise SystemExit(2) from None

front = Front(app, begin=partial(process.begin, app.config["WAKECALL_SETTINGS"].log_level))

"""The web process: `app` for any WSGI server and the flask command, `asgi` for the HTTP server."""

from __future__ import annotations

import sys

from app import create_app
from app.api import serving
from app.errors import Misconfigured

try:
    app = create_app()
except Misconfigured as error:
    sys.stderr.write(f"{error.message}\n")
    raise SystemExit(2) from None

asgi = serving.asgi_app(app)

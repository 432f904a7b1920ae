"""The web process with short deadlines, so that tests of slow clients are quick."""

from __future__ import annotations

from app.api import serving
from wsgi import app

asgi = serving.asgi_app(app, body_s=1.5, send_s=1.5)

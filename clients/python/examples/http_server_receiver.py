"""A receiver on http.server: it acts on calls of this account's Wakecall, and on no others."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wakecall import SignatureError, Webhook

MAX_BYTES = 64 * 1024

webhook = Webhook(*os.environ["WAKECALL_SECRETS"].split())


class Receiver(BaseHTTPRequestHandler):
    """Answers each call."""

    def do_POST(self) -> None:
        """Take a call: 204 if it is genuine, else 401."""
        length = self.headers["Content-Length"] or "0"
        # Of a length below 0, `read` would read for as long as the sender sends.
        is_number = length.isdecimal() and len(length) <= len(str(MAX_BYTES))
        if not is_number or int(length) > MAX_BYTES:
            self.send_error(413)
            return
        try:
            call = webhook.verify(self.rfile.read(int(length)), self.headers)
        except SignatureError as error:
            self.send_error(401, explain=str(error))
            return
        print(f"run {call.id}, attempt {call.attempt}: {call.body!r}", flush=True)
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()

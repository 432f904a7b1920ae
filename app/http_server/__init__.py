"""The HTTP server: HTTP/1.1 on the event loop that runs the ASGI application, without threads."""

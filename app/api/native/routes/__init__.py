"""Routes of the native API: each reads a request, calls one use case and renders its result."""

"""OpenAPI: the descriptions of the native API and of each dialect, made of what enforces them."""

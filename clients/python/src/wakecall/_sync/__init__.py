"""The client without asyncio, made of the other one by `clients/python/make_sync.py`."""

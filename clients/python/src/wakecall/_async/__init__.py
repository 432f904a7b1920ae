"""The client for asyncio. `python clients/python/make_sync.py` makes the other one of it."""

"""What Wakecall is held against: the bare engine, an insert-only route, the naive design."""

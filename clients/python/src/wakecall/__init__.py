"""Client of Wakecall: book calls, read what became of them, verify those that arrive."""

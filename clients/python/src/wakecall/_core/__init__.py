"""Core: what both clients do without a network: build requests, read answers, decide on retries."""

"""Use cases: what an account may do with jobs, runs, keys and secrets."""

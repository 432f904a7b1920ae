"""The one-machine run: embedded PostgreSQL and Valkey under a supervisor."""

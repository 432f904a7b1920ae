"""Peers: what else a user might pick, given the same jobs in the same run (`make bench-peers`)."""

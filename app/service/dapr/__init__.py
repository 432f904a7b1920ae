"""Dapr: the use cases of Dapr jobs, which are identified by app and name."""

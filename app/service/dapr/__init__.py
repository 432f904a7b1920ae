"""Dapr: what an account may do with jobs that are known by app and name, in Dapr's terms."""

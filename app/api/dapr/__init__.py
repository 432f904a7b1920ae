"""The Dapr Jobs API: its routes, its documents and its errors, as Dapr's own sidecar has them."""

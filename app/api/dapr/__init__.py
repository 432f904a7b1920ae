"""The Dapr Jobs API: routes, documents and errors as those of Dapr's own sidecar."""

"""The Dapr API over gRPC: its server, and the RPCs as routes of the application."""

import os

# The library reads it when it is imported, and else writes lines that are not JSON.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

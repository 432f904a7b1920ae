"""Messages and services of Dapr's gRPC APIs: .proto files, and what `make protos` generates."""

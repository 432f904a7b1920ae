"""Models: state machines that compare the HTTP API of each dialect with a small reference."""

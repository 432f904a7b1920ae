"""Tests of the outbound side, against real sockets on loopback."""

"""Byte streams to a sandbox."""

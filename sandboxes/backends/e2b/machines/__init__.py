"""Machines of an engine: made, leased, listed, ended, and what they cost."""

"""The tools about sessions, and which session a call works in."""

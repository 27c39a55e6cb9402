"""The tools `list_sessions` and `close_session`, and which session a call works in."""

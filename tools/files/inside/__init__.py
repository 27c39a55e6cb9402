"""Jobs that read and write files of a session."""

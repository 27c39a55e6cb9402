"""Sessions at rest: what a session holds, saved on disk, and revived in a new sandbox."""

"""Durations in words."""


def duration(seconds: float) -> str:
    """Return a duration in words: 45 s, 30 minutes, 24 hours."""
    if seconds < 120:
        return f"{max(0, round(seconds))} s"
    if seconds < 2 * 3600:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.3g} hours"

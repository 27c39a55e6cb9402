"""The error if a configuration cannot be edited."""


class CannotEdit(Exception):
    """The file was not changed; the message says why, as a clause that follows the path."""

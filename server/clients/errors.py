"""Why a configuration is left as it is."""


class CannotEdit(Exception):
    """The file is not changed; the text says why, in a line that can be read after its path."""

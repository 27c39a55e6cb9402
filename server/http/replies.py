"""What clients of /files/ are told when it is not a file."""

from starlette.responses import JSONResponse


class WrongRequest(Exception):
    """A request that cannot be served as it is; its text is for the client."""


def error(status: int, text: str, **more: int) -> JSONResponse:
    """Return a refusal in the words of the tools, with numbers that a program may need."""
    return JSONResponse({"error": text, **more}, status_code=status)

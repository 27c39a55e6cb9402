"""Error responses of /files/."""

from starlette.responses import JSONResponse


class WrongRequest(Exception):
    """The request is invalid; the message is for the client."""


def error(status: int, text: str, **more: int) -> JSONResponse:
    """Return an error response with the text of the tools, and numbers that a program may need."""
    return JSONResponse({"error": text, **more}, status_code=status)

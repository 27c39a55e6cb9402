"""Read the bearer token of the HTTP server, for the server and for our own clients."""

import logging
import os

from bellglass.server.settings import Settings, SettingsError

log = logging.getLogger(__name__)

MIN_TOKEN_CHARACTERS = 22
"""Length of 128 bits in base64."""


def token_of(settings: Settings) -> str | None:
    """Return the token that clients must send, or None if none is set.

    Raises:
        SettingsError: It cannot be read, or is invalid.
    """
    if settings.http_token is not None:
        source, token = "BELLGLASS_HTTP_TOKEN", settings.http_token.get_secret_value()
    elif settings.http_token_file is not None:
        source = "BELLGLASS_HTTP_TOKEN_FILE"
        try:
            with open(settings.http_token_file, encoding="utf-8") as file:
                token = file.read().strip()
                if os.fstat(file.fileno()).st_mode & 0o077:
                    log.warning(
                        "%s: other users of this machine can read it. Fix it with: chmod 600 %s",
                        source,
                        settings.http_token_file,
                    )
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(f"{source}: cannot be read: {exc}") from exc
    else:
        return None
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingsError(f"{source}: a token has printable ASCII characters only.")
    if len(token) < MIN_TOKEN_CHARACTERS or len(set(token)) < 8:
        raise SettingsError(
            f"{source}: too easy to guess. Make one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token

"""What an operator may set of the E2B backend."""

from pydantic import Field, SecretStr

from bellglass.sandboxes.backend_settings import BackendSettings


class E2BSettings(BackendSettings):
    key_file: str | None = Field(
        None, description="A file with the key of the E2B account. Default: `E2B_API_KEY`."
    )
    domain: str | None = Field(
        None, description="Domain of the engine. Default: `E2B_DOMAIN`, else E2B's cloud."
    )
    api_url: str | None = Field(
        None,
        description="URL of its control plane. Default: `E2B_API_URL`, else `api.` at the domain.",
    )
    sandbox_url: str | None = Field(
        None,
        description="One URL for all its sandboxes. Default: `E2B_SANDBOX_URL`, else one each, "
        "below the domain.",
    )
    template: str | None = Field(
        None,
        description="Template that sessions start from; it needs Python 3.9 or newer. "
        "Default: E2B's own.",
    )
    headers: SecretStr | None = Field(
        None, description="More headers for the control plane: `NAME: VALUE, NAME: VALUE`."
    )
    pause: bool = Field(
        False, description="Pause the sandbox of an idle session instead of ending the session."
    )
    lease_seconds: int = Field(
        300,
        ge=15,
        le=3600,
        description="A sandbox whose server was killed ends after this time.",
    )
    max_sandboxes: int = Field(
        64,
        ge=1,
        description="Maximum number of sandboxes at one time, such as what the plan allows.",
    )
    max_creates_per_second: float = Field(
        5, gt=0, allow_inf_nan=False, description="Maximum number of sandboxes created in a second."
    )

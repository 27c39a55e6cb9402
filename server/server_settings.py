"""Settings of the server itself: each is one field, one BELLGLASS_ variable and one flag."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bellglass.sandboxes.backend_settings import Names
from bellglass.sandboxes.session_limits import MAX_OUTPUT_BYTES, MIB, Limits
from bellglass.server.setting_types import (
    Folders,
    HostPath,
    Hosts,
    LogLevels,
    Origins,
    RiskKinds,
    ToolGroups,
    WebAddress,
)
from bellglass.tools.call_limits import (
    DEFAULT_BACKGROUND_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    MAX_BACKGROUND_SECONDS,
    MAX_CODE_CHARACTERS,
    MAX_TIMEOUT_SECONDS,
)
from bellglass.tools.groups import ALL

DEFAULTS = Limits()


class ServerSettings(BaseModel):
    """One field is one variable and one flag: `disk_mb`, BELLGLASS_DISK_MB, --disk-mb."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: str = Field(
        "auto",
        description="How code is isolated: `auto`, `embedded`, `docker`, `e2b`, `restricted`, or a "
        "plug-in.",
    )
    config: str | None = Field(
        None,
        description="A file of settings, in TOML. Default: `~/.config/bellglass/config.toml`, if "
        "there is one.",
    )
    setup: Literal["auto", "off"] = Field(
        "auto",
        description="Whether the first start installs the packages for the embedded sandbox, as "
        "`bellglass setup` does, while the server serves (`auto`), or not (`off`).",
    )
    session_scope: Literal["connection", "explicit"] = Field(
        "connection",
        description="Whether a legacy connection has a session of its own (`connection`), or every "
        "call without session_id starts a new one (`explicit`).",
    )
    max_sessions: int = Field(
        64, ge=1, le=10_000, description="Maximum number of sessions at one time."
    )
    warm_sessions: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="Sessions that are kept ready for new conversations. Default: 1, but 0 "
        "on E2B, where they cost money.",
    )
    session_idle_seconds: float = Field(
        1800,
        gt=0,
        allow_inf_nan=False,
        description="A session ends after this time without a call.",
    )
    session_max_seconds: float = Field(
        86_400, gt=0, allow_inf_nan=False, description="A session ends at this age."
    )
    detached_seconds: float = Field(
        1800,
        ge=0,
        allow_inf_nan=False,
        description="A session that was named in a result outlives its server for this time, where "
        "sandboxes can: `embedded`. 0: none does. A legacy connection's own never does.",
    )
    grace_seconds: float = Field(
        30,
        ge=0,
        allow_inf_nan=False,
        description="A legacy connection's session lives on for this time after the connection.",
    )
    store: str | None = Field(
        None,
        description="Folder where sessions are saved that are idle, or whose server stops; the "
        "next call with their `session_id` revives them. Empty: none is saved. Default: on stdio "
        "`~/.local/state/bellglass/sessions`, over HTTP none.",
    )
    memory_mb: int = Field(
        DEFAULTS.memory_bytes // MIB,
        ge=64,
        description="Memory that all processes of a session may use together, in MiB.",
    )
    max_processes: int = Field(
        DEFAULTS.processes,
        ge=8,
        description="Maximum number of processes and threads of a session.",
    )
    background_seconds: float = Field(
        DEFAULT_BACKGROUND_SECONDS,
        ge=0,
        le=MAX_BACKGROUND_SECONDS,
        allow_inf_nan=False,
        description="Longest time limit of a background run, and the limit of one that names none. "
        "0 turns background runs off.",
    )
    cpu_seconds: int = Field(
        DEFAULTS.cpu_seconds,
        ge=1,
        description="CPU time that one call may use; a background run longer than "
        f"{MAX_TIMEOUT_SECONDS} s may use more, in proportion.",
    )
    disk_mb: int = Field(
        DEFAULTS.disk_bytes // MIB, ge=1, description="Maximum size of a session's files, in MiB."
    )
    output_bytes: int = Field(
        DEFAULTS.output_bytes,
        ge=1_000,
        le=MAX_OUTPUT_BYTES,
        description="Bytes of stdout, and of stderr, that a result shows; the rest stays in "
        "a file.",
    )
    timeout_seconds: float = Field(
        DEFAULT_TIMEOUT_SECONDS,
        gt=0,
        le=MAX_TIMEOUT_SECONDS,
        allow_inf_nan=False,
        description="Time limit of a call that names none.",
    )
    network: Literal["none", "packages", "allow-list", "open"] = Field(
        "none",
        description="What sessions may reach: nothing; `packages`, of an index, for `pip install`; "
        "`allow-list`, the hosts of `BELLGLASS_NETWORK_HOSTS`; `open`, every public host.",
    )
    network_hosts: Hosts = Field(
        (),
        description="Hosts that `allow-list` lets sessions reach, comma-separated: `example.org`, "
        "`*.example.org`, an address, or one of them with `:PORT`. Without a port: 80 and 443.",
    )
    package_index: WebAddress | None = Field(
        None,
        description="URL of the index that packages come from. Default: PyPI; with `allow-list`, "
        "none.",
    )
    package_dir: str | None = Field(
        None, description="A folder of wheels that packages come from, instead of an index."
    )
    package_disk_mb: int = Field(
        1024,
        ge=1,
        description="Maximum size of what a session installs, in MiB, beside its files.",
    )
    package_cache: str | None = Field(
        None,
        description="Folder where package files are kept for all sessions. Default: in the user's "
        "cache directory.",
    )
    package_cache_mb: int = Field(
        2048,
        ge=0,
        description="Maximum size of that folder, in MiB. Files that were unused longest are "
        "deleted first.",
    )
    refuse_risks: RiskKinds = Field(
        (),
        description="Kinds of risk, comma-separated, in the words of `validate_code`, such as "
        "`deletes files,opens the network`: code that has one is not run.",
    )
    refuse_imports: Names = Field(
        (), description="Modules, comma-separated: Python that imports one is not run."
    )
    max_code_characters: int = Field(
        MAX_CODE_CHARACTERS,
        ge=1,
        le=MAX_CODE_CHARACTERS,
        description="Maximum number of characters of code; longer code is not run.",
    )
    tools: ToolGroups = Field(
        ALL,
        description="Groups of tools to list, comma-separated, for models that read fewer: "
        "`files`, `sessions`, `background`. The four tools of `core` are always listed.",
    )
    extra_tools: Names = Field(
        (),
        description="Tools of other distributions to serve, comma-separated, by the names of "
        "their entry points.",
    )
    links: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether results have links to files (`resource_link`); `auto`: only for "
        "clients that are known to take them.",
    )
    one_block: bool = Field(
        default=False,
        description="Put all text of a result into its first block, for clients whose models see "
        "only that one (smolagents).",
    )
    errors_as_tool_errors: bool = Field(
        False, description="Mark the result of code that failed as an error (`isError`)."
    )
    http: str | None = Field(
        None, description="HOST:PORT to serve streamable HTTP on, at /mcp, instead of stdio."
    )
    http_token: SecretStr | None = Field(
        None, description="Bearer token that HTTP clients must send: 128 random bits or more."
    )
    http_token_file: str | None = Field(None, description="A file that has that token.")
    http_hosts: Names = Field(
        (), description="Host names, comma-separated, that HTTP clients reach this server by."
    )
    http_origins: Origins = Field(
        (), description="Origins of web pages, comma-separated, that may call over HTTP."
    )
    log_level: LogLevels = Field(
        "info",
        description="How much to log on stderr: `debug`, `info`, `warning` or `error`; levels for "
        "parts of bellglass follow, as in `info,sandboxes.egress=debug`.",
    )
    trace: Names = Field(
        (),
        description="What to log for debugging, comma-separated: `frames` to and from sandboxes, "
        "and what their `supervisor` does and when. Sizes, ids and times; never code or output.",
    )
    folders: Folders = Field(
        (),
        description="Folders of this machine that sessions see at `/folders/NAME`, as "
        "`[NAME=]PATH[:MODE][,show=NAMES][,python=VENV]` with the mode `ro`, `copy` or `rw`; "
        "several are separated by `;`, or by repeating the flag.",
    )
    save_to: HostPath | None = Field(
        None,
        description="A folder of this machine: what a call leaves in `/work/out` is copied there. "
        "No file is overwritten. For servers on stdio.",
    )

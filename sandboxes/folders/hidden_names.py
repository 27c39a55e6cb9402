"""The names that usually hold secrets, which sessions do not see in a lent folder.

This is the one list; docs/folders.md shows it, and a test compares the two. Names are compared
without regard to case, because some file systems do so too.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# fmt: off
NAMES = frozenset((
    # settings of programs, with passwords
    ".env", ".envrc", ".flaskenv", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".mylogin.cnf",
    ".npmrc", ".yarnrc.yml", ".pypirc", ".htpasswd", ".git-credentials", ".s3cfg", ".boto",
    ".vault-token", ".dockercfg", ".dockerconfigjson", ".databrickscfg", "secrets.toml",
    "secrets.yml", "secrets.yaml", "secrets.json", "credentials.json", "terraform.tfstate",
    "terraform.tfvars",
    # folders of keys and accounts
    ".ssh", ".aws", ".azure", ".gnupg", ".kube", ".docker", ".gcloud", ".password-store",
    # keys without an ending
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk",
))
# fmt: on
"""Whole names of files and folders."""

ENDINGS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".tfstate.backup")
"""Endings of names of key files."""

BEGINNINGS = (".env.",)
"""Beginnings of names; of names that end in .json, those in `ACCOUNTS` too."""

ACCOUNTS = ("service-account", "service_account", "client_secret")

# fmt: off
HARMLESS = frozenset((
    ".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults",
    # public certificates, which libraries for the network need
    "cacert.pem", "ca-bundle.pem", "public.key", "public.pem",
))
# fmt: on
"""Names that the rules above would hide, but which hold no secret."""

GIT_FILES = frozenset(("config", "config.worktree", "credentials"))
"""Names below a folder `.git`: the addresses of remotes hold tokens."""


def is_hidden(name: str, show: Sequence[str] = (), *, below_git: bool = False) -> bool:
    """Whether a name usually holds secrets, and is none of `show`, which may have wildcards."""
    name = name.casefold()
    secret = (
        name in NAMES
        or name.endswith(ENDINGS)
        or name.startswith(BEGINNINGS)
        or (name.endswith(".json") and name.startswith(ACCOUNTS))
        or (below_git and name in GIT_FILES)
    )
    if not secret or name in HARMLESS:
        return False
    return not any(fnmatchcase(name, pattern.casefold()) for pattern in show)

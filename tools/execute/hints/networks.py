"""Texts about the network that the operator has set, for manuals and after a failure."""

from __future__ import annotations

import re

MANUAL = {
    "none": "There is no network.",
    "packages": "pip install works; there is no other network.",
    "allow-list": "Of the network, hosts that the operator lists are reached by HTTP(S), through "
    "the proxy of the environment.",
    "open": "pip install works, and public hosts are reached by HTTP(S), through the proxy of the "
    "environment.",
}
"""Sentences for the manuals of tools, which are read before every conversation."""

ASIDE = {
    "none": " without network",
    "packages": " without network but pip install",
    "allow-list": " whose network is a list of hosts",
    "open": " with a proxy to public hosts",
}
"""The same, within a sentence."""

_OPERATOR = "the operator of this server can allow"

_MISSED = {
    "none": "the sandbox has no network: nothing can be downloaded or installed, so go on without. "
    f"({_OPERATOR.capitalize()} packages: BELLGLASS_NETWORK=packages.)",
    "packages": "pip can install packages here; nothing else of the network can be reached. "
    f"({_OPERATOR.capitalize()} hosts: BELLGLASS_NETWORK=allow-list.)",
    "allow-list": "only hosts that the operator lists are reached, by HTTP and HTTPS, through the "
    "proxy that HTTPS_PROXY names; the name servers and other ports are not. "
    f"({_OPERATOR.capitalize()} more: BELLGLASS_NETWORK_HOSTS.)",
    "open": "hosts are reached by HTTP and HTTPS, through the proxy that HTTPS_PROXY names; name "
    "servers and plain sockets are not.",
}

_LOOKED_FOR = re.compile(r"No matching distribution found for (\S{1,200})")

INSTALLS = ("packages", "open")
"""The settings with which pip has our index."""

CANNOT_INSTALL = {
    "none": f"and without network pip cannot get it{{}}. ({_OPERATOR.capitalize()} pip: "
    "BELLGLASS_NETWORK=packages.)",
    "allow-list": f"and pip has no index here{{}}. ({_OPERATOR.capitalize()} pip: "
    "BELLGLASS_NETWORK=packages or open.)",
}
"""What follows "it is not installed", with a place for the alternative."""


def missed(network: str, said: str) -> str:
    """Return what to do about a host that was not reached, given the message about it."""
    found = _LOOKED_FOR.search(said)
    if found and network in INSTALLS:
        return f"the package index has no {found[1]}, or none for this Python: look at the name."
    return _MISSED[network]

"""Findings on an engine's protections, for `bellglass doctor`.

They are what the engine reports of itself. What holds in a session is checked from inside
(`SelfCheck`).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backend import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = dict[str, Any]

_OWN_KERNEL = {"runsc": "gVisor", "kata-runtime": "Kata", "kata-qemu": "Kata", "kata": "Kata"}
_LIMITS = {
    "MemoryLimit": "memory",
    "SwapLimit": "swap",
    "PidsLimit": "processes",
    "CpuCfsQuota": "processor time",
}


def findings(info: Answer, *, runtime: str | None) -> list[Finding]:
    """Return what an engine's answer to `docker info` means for sessions.

    `runtime`: the configured one, or None for the engine's default.
    """
    security = _security(info)
    return [
        _engine(info),
        _runtime(info, runtime),
        _users(security),
        _seccomp(security),
        _limits(info, runtime),
    ]


def _engine(info: Answer) -> Finding:
    system = info.get("OperatingSystem") or info.get("OSType")
    detail = f"{info.get('ServerVersion')} on {system}, {info.get('KernelVersion')}"
    return Finding(what="engine", holds=True, detail=detail)


def _runtime(info: Answer, wanted: str | None) -> Finding:
    """Tell whether sessions share the host's kernel, and which runtimes would avoid that."""
    known = runtimes(info)
    used = wanted or str(info.get("DefaultRuntime") or "runc")
    if used not in known and "." not in used:  # a name with a dot is a containerd shim
        detail = f"the engine has no runtime {used}; it has {', '.join(known)}"
        return Finding(what="kernel of its own", holds=False, detail=detail)
    kernel = own_kernel(used, known.get(used, {}))
    if kernel is not None:
        return Finding(what="kernel of its own", holds=True, detail=f"{kernel}, by {used}")
    stronger = [name for name, entry in known.items() if own_kernel(name, entry)]
    if stronger:
        advice = f"BELLGLASS_DOCKER_RUNTIME={stronger[0]} gives hostile code another"
    else:
        advice = "gVisor (runsc) would give hostile code another, see docs/docker.md"
    detail = f"{used} shares the kernel of the engine's machine; {advice}"
    return Finding(what="kernel of its own", holds=False, detail=detail)


def runtimes(info: Answer) -> dict[str, Mapping[str, Any]]:
    """Return the runtimes by name, without aliases that the engine adds."""
    listed: dict[str, Mapping[str, Any]] = info.get("Runtimes") or {}
    return {name: entry or {} for name, entry in sorted(listed.items()) if "." not in name}


def own_kernel(name: str, entry: Mapping[str, Any]) -> str | None:
    """Return the name of the kernel that a runtime puts between code and the host, or None."""
    program = PurePosixPath(str(entry.get("path") or "")).name
    kind = str(entry.get("runtimeType") or "")
    for sign, kernel in _OWN_KERNEL.items():
        if program == sign or name == sign or f".{sign}." in f".{kind}.{name}.":
            return kernel
    return None


def _users(security: Mapping[str, str]) -> Finding:
    what = "users separate from the host's"
    if "rootless" in security:
        return Finding(what=what, holds=True, detail="the engine is rootless")
    if "userns" in security:
        return Finding(what=what, holds=True, detail="userns-remap is on")
    detail = 'no; "userns-remap": "default" in the engine\'s daemon.json maps them'
    return Finding(what=what, holds=False, detail=detail)


def _seccomp(security: Mapping[str, str]) -> Finding:
    profile = security.get("seccomp")
    others = [name for name in ("apparmor", "selinux") if name in security]
    also = f"; {' and '.join(others)} too" if others else ""
    if profile is None or "unconfined" in profile:
        detail = f"the engine has no filter; bellglass's own still applies{also}"
        return Finding(what="engine's system call filter", holds=False, detail=detail)
    detail = f"profile {profile or 'default'}, and bellglass's own{also}"
    return Finding(what="engine's system call filter", holds=True, detail=detail)


def _limits(info: Answer, runtime: str | None) -> Finding:
    missing = [name for key, name in _LIMITS.items() if info.get(key) is False]
    used = runtimes(info).get(runtime or str(info.get("DefaultRuntime")), {})
    if "--ignore-cgroups" in (used.get("runtimeArgs") or []):
        missing = list(_LIMITS.values())
    version = f"control groups, version {info.get('CgroupVersion') or '1'}"
    if missing:
        detail = f"{version}, which do not limit {', '.join(missing)} here"
        return Finding(what="limits by the engine", holds=False, detail=detail)
    return Finding(what="limits by the engine", holds=True, detail=version)


def _security(info: Answer) -> dict[str, str]:
    """Return the security options by name: the engine writes "name=seccomp,profile=default"."""
    found = {}
    for option in info.get("SecurityOptions") or []:
        fields = dict(field.partition("=")[::2] for field in str(option).split(","))
        found[fields.get("name", str(option))] = fields.get("profile", "")
    return found

"""Read and write pages of a simple package index (PEP 503, 691, 658)."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
ACCEPTED = f"{JSON}, {HTML};q=0.1"

MAX_FILES_OF_PROJECT = 50_000
"""Files of one project that are read: the largest projects have some ten thousand."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}")
PACKAGE_ENDINGS = (".whl", ".tar.gz", ".zip", ".tar.bz2")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a project, as the index names it."""

    name: str
    url: str
    sha256: str
    requires_python: str = ""
    yanked: str | None = None
    """The reason if the file was yanked, else None."""
    metadata_sha256: str = ""
    """Hash of the separate metadata file (PEP 658), if there is one."""
    size: int | None = None


def normalized(project: str) -> str | None:
    """Return the normalized name of a project, or None if it is not a valid name."""
    if len(project) > 200 or not _NAME.fullmatch(project):
        return None
    return re.sub(r"[-_.]+", "-", project).lower()


def is_file_name(name: str) -> bool:
    """Whether this can be the name of a package file."""
    return _FILE_NAME.fullmatch(name) is not None and name.endswith(PACKAGE_ENDINGS)


# --- reading


def read(body: bytes, content_type: str, url: str) -> list[File]:
    """Return the files of a page that have a SHA-256; the others cannot be verified.

    Raises:
        ValueError: It is not a page of an index.
    """
    if "json" in content_type:
        entries = json.loads(body)["files"]
        found = (_from_json(entry, url) for entry in entries[:MAX_FILES_OF_PROJECT])
        return [file for file in found if file is not None]
    parser = _Links(url)
    parser.feed(body.decode("utf-8", "replace"))
    return parser.files[:MAX_FILES_OF_PROJECT]


def _from_json(entry: dict[str, Any], url: str) -> File | None:
    name, digest = str(entry["filename"]), str(entry["hashes"].get("sha256", ""))
    if not is_file_name(name) or not _SHA256.fullmatch(digest):
        return None
    metadata = entry.get("core-metadata") or entry.get("dist-info-metadata")
    of_metadata = metadata.get("sha256", "") if isinstance(metadata, dict) else ""
    yanked, size = entry.get("yanked") or None, entry.get("size")
    return File(
        name=name,
        url=urljoin(url, str(entry["url"])),
        sha256=digest,
        requires_python=str(entry.get("requires-python") or ""),
        yanked=None if yanked is None else "" if yanked is True else str(yanked),
        metadata_sha256=of_metadata if _SHA256.fullmatch(str(of_metadata)) else "",
        size=size if isinstance(size, int) and size >= 0 else None,
    )


class _Links(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.files: list[File] = []
        self._url = url

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and "href" in values:
            self._url = urljoin(self._url, values["href"])
        if tag != "a" or "href" not in values:
            return
        url, fragment = urldefrag(urljoin(self._url, values["href"]))
        name = unquote(url.rpartition("/")[2])
        digest = fragment.removeprefix("sha256=")
        if not is_file_name(name) or not _SHA256.fullmatch(digest):
            return
        metadata = values.get("data-core-metadata", values.get("data-dist-info-metadata", ""))
        metadata = metadata.removeprefix("sha256=")
        self.files.append(
            File(
                name=name,
                url=url,
                sha256=digest,
                requires_python=values.get("data-requires-python", ""),
                yanked=values.get("data-yanked"),
                metadata_sha256=metadata if _SHA256.fullmatch(metadata) else "",
            )
        )


# --- writing


def written(project: str, files: list[File], accepted: str) -> tuple[str, bytes]:
    """Return the content type and body of a page, in a format that `accepted` allows."""
    if JSON in accepted:
        page = {"meta": {"api-version": "1.0"}, "name": project}
        return JSON, json.dumps({**page, "files": [_as_json(project, f) for f in files]}).encode()
    channels = "".join(_as_link(project, file) for file in files)
    return HTML, f"<!DOCTYPE html>\n<html><body>\n{channels}</body></html>\n".encode()


def path_of(project: str, file: str) -> str:
    return f"/files/{project}/{quote(file)}"


def _as_json(project: str, file: File) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.name,
        "url": path_of(project, file.name),
        "hashes": {"sha256": file.sha256},
    }
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    if file.yanked is not None:
        entry["yanked"] = file.yanked or True
    if file.metadata_sha256:
        entry["core-metadata"] = entry["dist-info-metadata"] = {"sha256": file.metadata_sha256}
    return entry


def _as_link(project: str, file: File) -> str:
    attributes = {"href": f"{path_of(project, file.name)}#sha256={file.sha256}"}
    if file.requires_python:
        attributes["data-requires-python"] = file.requires_python
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if file.metadata_sha256:
        attributes["data-core-metadata"] = f"sha256={file.metadata_sha256}"
        attributes["data-dist-info-metadata"] = attributes["data-core-metadata"]
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{html.escape(file.name)}</a><br>\n"

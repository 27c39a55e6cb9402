"""MIME types by the names of files, the same on every host.

`mimetypes.guess_type` also reads the tables of the host, such as /etc/mime.types, in which a
TypeScript program is a translation for Qt.
"""

import mimetypes
from functools import cache

_OURS = {
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".bash": "application/x-sh",
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".feather": "application/vnd.apache.arrow.file",
    ".geojson": "application/geo+json",
    ".go": "text/x-go",
    ".ipynb": "application/x-ipynb+json",
    ".java": "text/x-java",
    ".jsonl": "application/jsonl",
    ".jsx": "text/javascript",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".r": "text/x-r",
    ".rs": "text/x-rust",
    ".sql": "application/sql",
    ".sqlite": "application/vnd.sqlite3",
    ".toml": "application/toml",
    ".ts": "text/x-typescript",
    ".tsx": "text/x-typescript",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
}
"""What Python's own table lacks, or has in some versions only."""

_COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}


def mime_type_of(path: str) -> str | None:
    """Return the MIME type of a file, by its name; None if nothing is known of such names."""
    # Only the last part: what looks like a URL, such as `data:x`, is the name of a file here.
    kind, encoding = _types().guess_type(f"./{path.rpartition('/')[2]}", strict=True)
    return kind if encoding is None else _COMPRESSED.get(encoding)


@cache
def _types() -> mimetypes.MimeTypes:
    types = mimetypes.MimeTypes()  # Python's table, and none of the host
    for suffix, kind in _OURS.items():
        types.add_type(kind, suffix)
    return types

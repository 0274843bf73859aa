"""The files the desk serves: all in the package, each with its SHA-256 in static/SHA256SUMS."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

STATIC = Path(__file__).parent / "static"
LIST = STATIC / "SHA256SUMS"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@cache
def digests() -> dict[str, str]:
    """Name (with `/`) -> SHA-256 of its bytes as they lie there now."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.is_file() and path != LIST:
            found[path.relative_to(STATIC).as_posix()] = sha256(path.read_bytes()).hexdigest()
    return found


def listed() -> dict[str, str]:
    """What the list says."""
    lines = (line.split("  ", 1) for line in LIST.read_text(encoding="utf-8").splitlines() if line)
    return {name: digest for digest, name in lines}


def write_list() -> None:
    digests.cache_clear()
    text = "".join(f"{digest}  {name}\n" for name, digest in digests().items())
    LIST.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_list()

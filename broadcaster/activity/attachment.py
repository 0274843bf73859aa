"""A photo or a PDF that goes with an activity: kept by its hash, without what a camera writes into it."""

from __future__ import annotations

import io
import os
import secrets
import threading
from hashlib import sha256
from pathlib import Path

from broadcaster.errors import WrongUse

LIMIT = 20 * 1024 * 1024  # bytes; a photo of a telephone has 3 to 8 MB
PIXELS = 100_000_000  # a picture larger than this is no photo
PIXELS_PACKED = 30_000_000  # of a PNG or WebP: a few kilobytes unfold to all of them, and need 4 bytes each, twice
_ONE = threading.Lock()  # at a time is drawn, so that ten people do not need ten times the memory
SIDE = 2400  # pixels of the longer side that are kept: enough to read a banner


def keep(folder: Path, path: Path) -> str:
    """Put a cleaned copy into `folder`; its SHA-256. Raises: WrongUse for what is neither a photo nor a PDF."""
    if not path.is_file() or path.stat().st_size > LIMIT:
        raise WrongUse(f"{path.name} is no file of at most 20 MB.")
    raw = path.read_bytes()
    data, suffix = (raw, ".pdf") if raw.startswith(b"%PDF-") else (_photo(raw, path.name), ".jpg")
    digest = sha256(data).hexdigest()
    target = folder / f"{digest}{suffix}"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
        draft.write_bytes(data)
        os.replace(draft, target)
    return digest


def erase(folder: Path, digest: str) -> bool:
    """Remove a kept file; the hash in the ledger stays. False if it was gone."""
    found = [path for suffix in (".jpg", ".pdf") if (path := folder / f"{digest}{suffix}").exists()]
    for path in found:
        path.unlink()
    return bool(found)


def _photo(raw: bytes, name: str) -> bytes:
    """The picture drawn anew: place, time and camera stay behind, the right way up."""
    from PIL import Image, ImageOps

    try:
        with _ONE, Image.open(io.BytesIO(raw), formats=("JPEG", "PNG", "WEBP")) as opened:
            most = PIXELS if opened.format == "JPEG" else PIXELS_PACKED
            if opened.width * opened.height > most:
                raise WrongUse(f"{name} has more than {most // 1_000_000} million pixels; make it smaller.")
            opened.draft("RGB", (SIDE, SIDE))  # a JPEG is read no larger than it is kept
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise WrongUse(f"{name} is no photo (JPEG, PNG, WebP) and no PDF.") from None
    picture.thumbnail((SIDE, SIDE))
    target = io.BytesIO()
    picture.save(target, format="JPEG", quality=85)
    return target.getvalue()

"""Reading PDFs back with programs that are not ours; without them a test skips at a desk, and fails in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def said_by(program: str, *arguments: object) -> str:
    """What one of poppler's programs prints."""
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed: apt-get install poppler-utils")
        pytest.skip(f"{program} is not installed: apt-get install poppler-utils")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def text_of(data: bytes, folder: Path) -> str:
    """The text of a PDF, laid out as on paper."""
    path = folder / "paper.pdf"
    path.write_bytes(data)
    return said_by("pdftotext", "-layout", path, "-")

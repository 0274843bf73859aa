"""Files that leave the desk, and those that never do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from broadcaster.config import Config
from broadcaster.web.app import HEADERS
from broadcaster.web.desk import Visit

Sign = Callable[..., Any]


def test_a_file_is_kept_and_never_run_in_the_name_of_the_desk() -> None:
    answer = Visit.download(None, b"%PDF-1.7", name="a.pdf", kind="application/pdf")  # type: ignore[arg-type]

    assert answer.headers["content-disposition"] == 'attachment; filename="a.pdf"'
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert HEADERS["X-Content-Type-Options"] == "nosniff"  # on every answer: tests/web/test_door.py


@pytest.mark.parametrize("path", ["/attachments/{}", "/activity/{}", "/activity/attachments/{}", "/static/../attachments/{}",
                                  "/public/../attachments/{}", "/static/%2e%2e/attachments/{}"])  # fmt: skip
def test_what_was_attached_to_an_activity_is_served_by_no_page(sign_in: Sign, config: Config, path: str) -> None:
    folder = config.path("attachments")
    folder.mkdir()
    (folder / "ab.pdf").write_bytes(b"%PDF-1.7 script")

    answers = [sign_in(name).get(path.format("ab.pdf")) for name in ("lan", "hoa", "quan")]

    assert all(answer.status_code in (404, 405) and b"%PDF" not in answer.content for answer in answers)

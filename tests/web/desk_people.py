"""People of the test office, and the browser each of them sits at."""

from __future__ import annotations

import re
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the test client's library is about to be renamed
    from starlette.testclient import TestClient

PASSWORD = "mot cau du dai de nho"
PEOPLE = {
    "lan": "author,operator",
    "minh": "approver",
    "hoa": "operator",
    "tam": "auditor",
    "quan": "admin",
    "nga": "author",
    "duc": "approver,operator",
}


class Browser(TestClient):
    """One person's browser."""

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get("/me").text)
        assert found, "nobody is signed in"
        return found[1]

    def submit(self, path: str, **values: Any) -> Any:
        """A form of this desk, filled in and sent."""
        return self.post(path, data={"csrf": self.csrf(), **values})

"""What a password becomes outside the tests, where hashing is made cheap."""

from __future__ import annotations

import subprocess
import sys

ASK = "from broadcaster.access.store import _hasher; print(_hasher().hash('ba mươi tháng bảy'))"


def test_a_password_is_kept_as_argon2id_at_no_less_than_rfc_9106_asks_of_small_machines() -> None:
    hashed = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout

    name, version, cost = hashed.split("$")[1:4]
    values = dict(pair.split("=") for pair in cost.split(","))

    assert (name, version) == ("argon2id", "v=19")
    assert (int(values["m"]), int(values["t"]), int(values["p"])) >= (65536, 3, 4)  # RFC 9106, section 4, second choice

"""The whole check of the ledger as a process of its own, so that whoever asks for it goes on answering others.

    python -m broadcaster.ledger.check_child

takes `{"url", "key", "folder"}` as JSON on standard input (an address may hold a password: it is no argument), and writes one
line of JSON for each step: `{"read": n}`, and at last `{"entries", "root", "faults", "alone"}`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from broadcaster.db.engine import Database
from broadcaster.ledger.check import verify


def main() -> None:
    asked = json.load(sys.stdin)
    read = 0

    def tell(more: int) -> None:
        nonlocal read
        read += more
        _say({"read": read})

    database = Database(asked["url"])
    try:
        found = verify(database, public_key=bytes.fromhex(asked["key"]), folder=Path(asked["folder"]), progress=tell)
    finally:
        database.close()
    told = {"entries": found.entries, "root": found.root, "faults": list(found.faults)}
    _say({**told, "alone": found.alone, "given": found.given})


def _say(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

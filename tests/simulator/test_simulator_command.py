"""The simulators as a process: one line when ready, a book that survives."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "broadcaster.cli.main", "simulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_says_where_it_listens_and_ends_quietly_when_asked(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text('[[fault]]\ndo = "throttle"\n')
    process = start("--book", str(tmp_path / "books"), "--faults", str(tmp_path / "faults.toml"))
    assert process.stdout
    ready = json.loads(process.stdout.readline())
    request = urllib.request.Request(
        f"{ready['telegram']}/bot1:abc/sendMessage?chat_id=@kenhtinh&text=x", method="POST"
    )

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    caught.value.close()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)

    assert caught.value.code == 429
    assert (process.returncode, errors) == (0, "")
    book = Path(ready["books"]["telegram"]).read_text().splitlines()
    assert [json.loads(line)["decision"] for line in book] == ["throttle"]
    assert set(ready) == {"twilio", "telegram", "books"}


def test_a_wrong_fault_script_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[[fault]]\ndo = "explode"\n')

    process = start("--faults", str(tmp_path / "bad.toml"))
    output, errors = process.communicate(timeout=10)

    assert process.returncode == 2
    assert output == ""
    assert "bad.toml" in errors
    assert "Traceback" not in errors

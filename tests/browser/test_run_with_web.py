"""`broadcaster run` brings the desk with it, and takes it along when it ends, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from broadcaster.cli.main import main
from tests.browser.desk_office import free_port, wait_until

pytestmark = pytest.mark.slow


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/login", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("end", [subprocess.Popen.terminate, subprocess.Popen.kill], ids=["asked to end", "killed"])
def test_the_desk_comes_and_goes_with_the_sender(
    tmp_path: Path, end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path)])
    port, config = free_port(), tmp_path / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("port = 8080", f"port = {port}"), encoding="utf-8")

    process = subprocess.Popen(
        [sys.executable, "-m", "broadcaster.cli.main", "run", "--config", str(config)], stderr=subprocess.DEVNULL
    )
    came = wait_until(lambda: answers(port), seconds=60)
    end(process)
    code = process.wait(30)
    went = wait_until(lambda: not answers(port), seconds=20)

    assert came
    assert went
    assert code in (0, -signal.SIGKILL)

"""The example package is installed for real, beside this one, and its own tests run against what was installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "broadcaster-channel-example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package as pip installs it; its own copy, so that nothing is built in the tree."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(
        EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", ".pytest_cache")
    )
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "--retries",
        "0",
    ]
    done = subprocess.run(
        [*command, "--timeout", "20", "--target", str(folder / "site"), str(folder / "source")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode and "hatchling" in done.stderr and not os.environ.get("CI"):
        pytest.skip("pip cannot fetch hatchling, which builds the example; with a network this test runs")
    assert done.returncode == 0, done.stderr
    return folder


def run(installed: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, from a folder where neither source is importable by accident."""
    environment = {**os.environ, "PYTHONPATH": str(installed / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_program_finds_the_installed_adapter_by_itself(installed: Path) -> None:
    code = "from broadcaster.channel import registry; print(registry.adapter('notice-board').__module__, *registry.names())"

    done = run(installed, "-c", code)

    assert done.stdout.startswith("broadcaster_channel_example "), done.stderr
    assert {"notice-board", "feed", "memory"} <= set(done.stdout.split())


def test_the_packages_own_tests_pass_against_what_was_installed(installed: Path) -> None:
    tests = str(installed / "source" / "tests")

    done = run(
        installed,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        str(installed / "source" / "pyproject.toml"),
        tests,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_package_the_program_has_no_such_adapter() -> None:
    code = "from broadcaster.channel import registry; print('notice-board' in registry.names())"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert done.stdout.strip() == "False"

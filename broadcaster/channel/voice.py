"""The machine's voice: an offline engine in a separate process, each text said once and kept by its hash."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from broadcaster.errors import BroadcasterError

PROGRAM = Path(__file__).with_name("voice_process.py")
LONGEST = 20_000  # characters; about half an hour of speech, far beyond any bulletin
NO_ENGINE, NO_ENCODER = 3, 4  # exit codes of the program


class NoVoice(BroadcasterError):
    """This machine cannot speak; the sentence says what to install."""


class VoiceFailed(BroadcasterError):
    """The engine was there and did not finish."""


class Voice:
    """Speaks Vietnamese; shared by threads. The same text is synthesised once, also by two threads at once."""

    def __init__(self, cache: Path, *, name: str = "vi", pace: int = 140) -> None:
        self._cache = cache
        self._name = name
        self._pace = pace
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def say(self, text: str, *, timeout: float) -> bytes:
        """The MP3 of `text`, which must be written out already. Raises: NoVoice, VoiceFailed."""
        digest = hashlib.sha256(f"espeak-ng\n{self._name}\n{self._pace}\n{text}".encode()).hexdigest()
        path = self._cache / f"{digest}.mp3"
        with self._guard:
            lock = self._locks.setdefault(digest, threading.Lock())
        with lock:
            try:
                return path.read_bytes()
            except FileNotFoundError:
                pass
            sound = synthesise(text, name=self._name, pace=self._pace, timeout=timeout)
            self._cache.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            draft.write_bytes(sound)
            os.replace(draft, path)
            return sound


def synthesise(text: str, *, name: str, pace: int, timeout: float) -> bytes:
    """One run of the engine. Raises: NoVoice, VoiceFailed."""
    if len(text) > LONGEST:
        raise VoiceFailed(f"The text has {len(text)} characters, more than {LONGEST}; make several bulletins of it.")
    asked = json.dumps({"text": text, "voice": name, "pace": pace}).encode()
    try:
        # -I: neither this folder (which has an email.py) nor the current one may stand before the standard library.
        done = subprocess.run(
            [sys.executable, "-I", str(PROGRAM)], input=asked, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise VoiceFailed(
            f"The speech engine did not finish within {timeout:g} s; shorten the text or try again."
        ) from None
    except OSError as error:
        raise VoiceFailed(f"The speech engine cannot be started: {error.strerror}; try again.") from None
    if done.returncode == NO_ENGINE:
        raise NoVoice(
            "This machine has no Vietnamese voice: install the extra, pip install 'broadcaster[speech]', or Debian's "
            "espeak-ng; or give the message a recording (audio.vi)."
        )
    if done.returncode == NO_ENCODER:
        raise NoVoice(
            "This machine cannot write MP3: install the extra, pip install 'broadcaster[speech]', or ffmpeg; or give the "
            "message a recording (audio.vi)."
        )
    if done.returncode or not done.stdout:
        raise VoiceFailed("The speech engine stopped before its end; try again.")
    return done.stdout

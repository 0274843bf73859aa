"""How long a recording is, from its own bytes. Pure."""

from __future__ import annotations

import io
import wave

# MPEG audio, layer III (ISO/IEC 11172-3, 2.4.2.3, and 13818-3): kbit/s by index, and Hz by version and index.
_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HERTZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def seconds(sound: bytes, mime_type: str) -> float | None:
    """Length of an MP3 or a WAV; None for another format, or for bytes that are not what they say."""
    if mime_type == "audio/mpeg":
        return _mp3(sound)
    if mime_type == "audio/wav":
        return _wav(sound)
    return None


def _wav(sound: bytes) -> float | None:
    try:
        with wave.open(io.BytesIO(sound)) as opened:
            return float(opened.getnframes() / opened.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return None


def _mp3(sound: bytes) -> float | None:
    """The sum of its frames: right for constant and for variable bit rates."""
    at, total = _after_tag(sound), 0.0
    while at + 4 <= len(sound):
        frame = _frame(sound[at : at + 4])
        if frame is None:
            break
        size, length = frame
        total += length
        at += size
    return total or None


def _after_tag(sound: bytes) -> int:
    """Where the first frame is looked for: behind an ID3v2 tag, whose size has 7 bits a byte."""
    at = 0
    if sound[:3] == b"ID3" and len(sound) > 10:
        size = 0
        for one in sound[6:10]:
            size = size << 7 | one & 0x7F
        at = 10 + size
    while at + 4 <= len(sound) and _frame(sound[at : at + 4]) is None and at < 65536:
        at += 1
    return at


def _frame(head: bytes) -> tuple[int, float] | None:
    """Bytes and seconds of the frame with this header; None if it is none of layer III."""
    if head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] >> 1 & 3 != 1:
        return None
    version, rate, hertz, padding = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or rate in (0, 15) or hertz == 3:
        return None
    samples = 1152 if version == 3 else 576
    kilobits = (_RATES_1 if version == 3 else _RATES_2)[rate]
    per_second = _HERTZ[version][hertz]
    return samples // 8 * kilobits * 1000 // per_second + padding, samples / per_second

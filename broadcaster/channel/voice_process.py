"""The speech engine in a process of its own: text in on standard input, MP3 out on standard output.

espeak-ng is under the GPL: nothing of the program imports this file or the engine; `voice.py` starts it as another
program, talks to it through pipes, and works without it. Standard library, and what the extra `speech` installs.

Input: one JSON object {"text", "voice", "pace"}. Exit: 0 and the MP3; 3 no engine, 4 no encoder, 5 it failed, with a word on
standard error.
"""

from __future__ import annotations

import array
import importlib
import io
import json
import shutil
import subprocess
import sys
import wave
from typing import Any

BIT_RATE = 64  # kbit/s, constant; channels.md section 10
OUT_RATE = 44100  # Hz, mono
PEAK = 0.891 * 32767  # -1 dB below full scale
LOUDNESS = 80  # of the engine's 100, at which its peaks reach 0 dB: then nothing need be scaled here
SILENCE = 0.5  # seconds before and after, so that a loudspeaker's switch cuts no word
NO_ENGINE, NO_ENCODER, FAILED = 3, 4, 5
CHARS_UTF8 = 1  # espeakCHARS_UTF8
RETRIEVE = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come to the callback, nothing sounds
RATE_PARAMETER, VOLUME_PARAMETER = 1, 2  # espeakRATE, espeakVOLUME


class CannotSpeak(Exception):
    def __init__(self, code: int, word: str) -> None:
        super().__init__(word)
        self.code = code


def main() -> int:
    asked = json.load(sys.stdin.buffer)
    try:
        samples, rate = synthesise(str(asked["text"]), str(asked["voice"]), int(asked["pace"]))
        sys.stdout.buffer.write(encode(level(samples, rate), rate))
    except CannotSpeak as error:
        sys.stderr.write(str(error))
        return error.code
    return 0


def synthesise(text: str, voice: str, pace: int) -> tuple[array.array[int], int]:
    """16-bit mono samples and their rate; the library of the extra, else Debian's program."""
    loader = optional("espeakng_loader")
    if loader is None:
        return by_program(text, voice, pace)
    return by_library(text, voice, pace, library=loader.get_library_path(), data=loader.get_data_path())


def optional(name: str) -> Any:
    """The module if the extra is installed, else None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def by_library(text: str, voice: str, pace: int, *, library: str, data: str) -> tuple[array.array[int], int]:
    import ctypes

    try:
        engine = ctypes.CDLL(library)
    except OSError:
        raise CannotSpeak(NO_ENGINE, "the library cannot be loaded") from None
    samples: array.array[int] = array.array("h")

    def take(sound: int | None, count: int, _events: int | None) -> int:
        if sound and count > 0:
            samples.frombytes(ctypes.string_at(sound, count * 2))
        return 0

    kept = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(take)
    rate = engine.espeak_Initialize(RETRIEVE, 0, data.encode(), 0)
    if rate <= 0:
        raise CannotSpeak(NO_ENGINE, "the engine's data cannot be read")
    engine.espeak_SetSynthCallback(kept)
    if engine.espeak_SetVoiceByName(voice.encode()) != 0:
        raise CannotSpeak(NO_ENGINE, f"there is no voice {voice}")
    engine.espeak_SetParameter(RATE_PARAMETER, pace, 0)
    engine.espeak_SetParameter(VOLUME_PARAMETER, LOUDNESS, 0)
    raw = text.encode()
    if engine.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, CHARS_UTF8, None, None) or engine.espeak_Synchronize():
        raise CannotSpeak(FAILED, "the engine stopped")
    return samples, int(rate)


def by_program(text: str, voice: str, pace: int) -> tuple[array.array[int], int]:
    program = shutil.which("espeak-ng")
    if program is None:
        raise CannotSpeak(NO_ENGINE, "espeak-ng is not installed")
    call = [program, "-v", voice, "-s", str(pace), "-a", str(LOUDNESS), "--stdin", "--stdout"]
    done = subprocess.run(call, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise CannotSpeak(FAILED, "the engine stopped")
    with wave.open(io.BytesIO(_sized(done.stdout))) as sound:
        samples: array.array[int] = array.array("h")
        samples.frombytes(sound.readframes(sound.getnframes()))
        return samples, sound.getframerate()


def _sized(raw: bytes) -> bytes:
    """A WAV written to a pipe does not know its length; this one does."""
    size = len(raw) - 44
    return raw[:4] + (size + 36).to_bytes(4, "little") + raw[8:40] + size.to_bytes(4, "little") + raw[44:]


def level(samples: array.array[int], rate: int) -> array.array[int]:
    """Peaks at -1 dB at most, and silence around."""
    if not samples:
        raise CannotSpeak(FAILED, "the engine said nothing")
    highest = max(max(samples), -min(samples))
    if highest > PEAK:
        samples = array.array("h", [int(one * PEAK / highest) for one in samples])
    edge = array.array("h", bytes(2 * int(rate * SILENCE)))
    return edge + samples + edge


def encode(samples: array.array[int], rate: int) -> bytes:
    lame = optional("lameenc")
    if lame is None:
        return encode_by_program(samples, rate)
    encoder = lame.Encoder()
    encoder.set_bit_rate(BIT_RATE)
    encoder.set_in_sample_rate(rate)
    encoder.set_out_sample_rate(OUT_RATE)
    encoder.set_channels(1)
    encoder.set_quality(7)  # of 9, where more costs less: at this bit rate one voice gains nothing from 5
    encoder.silence()
    return bytes(encoder.encode(samples.tobytes()) + encoder.flush())


def encode_by_program(samples: array.array[int], rate: int) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None:
        raise CannotSpeak(NO_ENCODER, "neither lameenc nor ffmpeg is installed")
    call = [program, "-v", "error", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0", "-map_metadata", "-1",
            "-codec:a", "libmp3lame", "-b:a", f"{BIT_RATE}k", "-ar", str(OUT_RATE), "-f", "mp3", "pipe:1"]  # fmt: skip
    done = subprocess.run(call, input=samples.tobytes(), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        raise CannotSpeak(NO_ENCODER, "ffmpeg cannot write MP3")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

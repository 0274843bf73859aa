"""The fault script: which requests a simulator treats badly, and how. The same script and seed play the same faults."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from broadcaster.errors import WrongUse

Kind = Literal[
    "throttle",  # 429 with Retry-After; not taken
    "error-before",  # `status` (500) without taking it
    "error-after",  # `status` (500) after taking it
    "cut-before",  # the line is cut without taking it, once the request is read
    "cut-after",  # the line is cut after taking it
    "half-after",  # taken; the answer breaks off in the middle
    "silence-before",  # no answer for `seconds`, not taken
    "silence-after",  # no answer for `seconds`, taken
    "dribble-after",  # taken; the answer comes one byte every `seconds`
    "end-after",  # taken; the line ends in good order, without an answer
    "garbage-before",  # 200 with a page that is no answer; not taken
    "garbage-after",  # the same; taken
    "empty-after",  # 201 or 200 without a body; taken
    "huge-after",  # taken; an answer of 1 MB
    "endless-after",  # taken; an answer that never ends
    "header-after",  # taken; a header of 1 MB before the answer
    "gzip-after",  # taken; the answer is packed, and the pack breaks off
    "charset-after",  # taken; the answer's bytes are of no encoding
    "deep-after",  # taken; JSON nested 100,000 deep
    "nan-after",  # taken; a number that is none
    "twice-after",  # taken; every name of the answer comes a second time, with nothing in it
    "bare-after",  # taken; the answer has lost its fields, the id among them
    "wide-after",  # taken; the ids are numbers beyond 64 bits
    "more-after",  # taken; the answer has a field nobody knows
    "old-after",  # taken; the answer is that of the message before
    "redirect",  # `status` if it is one of 3xx, else 307, to `location`; not taken
    "refuse",  # the provider's own error `code`, with `status`
    "slow",  # taken and answered after `seconds`
]


class Fault(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One rule. All conditions that are given must hold; the first rule that fits plays."""

    do: Kind
    on: Annotated[str, Meta(description='"twilio" or "telegram"; empty for all.')] = ""
    request: Annotated[int, Meta(description="The n-th request of this simulator, from 1.", ge=0)] = 0
    every: Annotated[int, Meta(description="Every n-th request.", ge=0)] = 0
    to: Annotated[str, Meta(description="Requests to this address.")] = ""
    probability: Annotated[float, Meta(description="0 to 1, drawn from the script's seed.", ge=0, le=1)] = 1.0
    times: Annotated[int, Meta(description="At most so often; 0 for no limit.", ge=0)] = 0
    status: int = 500
    code: int = 0
    text: Annotated[str, Meta(description="The provider's words for `refuse`.")] = ""
    retry_after: Annotated[str, Meta(description="The header's value for `throttle`; empty for none.")] = "1"
    seconds: Annotated[float, Meta(description="How long silence, slowness or one dribbled byte lasts.", ge=0)] = 60.0
    location: str = "http://169.254.169.254/"


class Script(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file: `seed`, and a list of `[[fault]]`."""

    seed: int = 0
    fault: list[Fault] = []


class Play:
    """A script being played by one provider; counts how often each rule has played."""

    def __init__(self, script: Script, provider: str) -> None:
        self._script = script
        self._provider = provider
        self._played = [0] * len(script.fault)

    def fault_for(self, *, number: int, to: str) -> Fault | None:
        """The fault that request `number` (from 1) to `to` meets, or None."""
        for index, fault in enumerate(self._script.fault):
            if self._fits(fault, index, number, to):
                self._played[index] += 1
                return fault
        return None

    def _fits(self, fault: Fault, index: int, number: int, to: str) -> bool:
        return (
            fault.on in ("", self._provider)
            and fault.request in (0, number)
            and (not fault.every or number % fault.every == 0)
            and fault.to in ("", to)
            and (not fault.times or self._played[index] < fault.times)
            and (fault.probability >= 1.0 or _draw(self._script.seed, index, number) < fault.probability)
        )


def read(path: Path) -> Script:
    """A fault script in TOML or JSON. Raises: WrongUse naming file and key."""
    try:
        text = path.read_text(encoding="utf-8")
        value = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
        return script_of(value)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{path}: cannot be read ({error.__class__.__name__}); give the path of a fault script."
        ) from None
    except (tomllib.TOMLDecodeError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise WrongUse(f"{path}: {error}. `broadcaster simulator --help` lists kinds and keys.") from None


def script_of(value: Any) -> Script:
    """Raises: msgspec.ValidationError. A bare list is a script without a seed."""
    return msgspec.convert({"fault": value} if isinstance(value, list) else value, type=Script)


def _draw(seed: int, index: int, number: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments, so that concurrency changes no draw."""
    digest = hashlib.blake2b(f"{seed}:{index}:{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64

"""From the queue to the package: a commune's own language, its approved recording, its officer's link."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from broadcaster.channel import officer_link
from broadcaster.channel.base import Traits
from broadcaster.clock import SteppedClock
from broadcaster.dispatch.claim import Due
from broadcaster.dispatch.lane import Signature, outgoing_for
from broadcaster.dispatch.revision import read, words
from tests.builders import OFFICE_KEY

LOUDSPEAKER = Traits(unit="audience", address="loudspeaker", after_silence="repeat", forms=("speech",), max_length=0)


def due(**spoilt: Any) -> Due:
    values = {
        "id": 12, "broadcast": 1, "language": "hmn", "attempts": 0, "uncounted": 0, "address": 1, "kind": "loudspeaker",
        "to": "muong-lat", "salt": bytes(32),
    }  # fmt: skip
    return Due(**(values | spoilt))


@pytest.fixture
def said() -> Callable[..., Any]:
    body = {
        "v": 1, "message": "m", "category": "hotline", "titles": {"hmn": "Hu 111"}, "texts": {"hmn": {"speech": "Hu 111"},
        "vi": {"speech": "Gọi 111"}}, "media": {"hmn": {"name": "M.Mp3", "sha256": "ab" * 32, "mime_type": "audio/mpeg"}},
    }  # fmt: skip
    canonical = json.dumps(body).encode()

    def make(language: str) -> Any:
        found = read(canonical, sha256(canonical).hexdigest())
        assert found is not None
        return words(found, traits=LOUDSPEAKER, accents=True, language=language)

    return make


def test_the_recording_of_the_communes_language_goes_along_from_where_it_is_kept(
    said: Any, clock: SteppedClock, tmp_path: Path
) -> None:
    signature = Signature(office="vp", secret=OFFICE_KEY, public_url="https://tin.example.gov.vn", recordings=tmp_path)
    until = clock.now() + timedelta(hours=6)

    with_recording = outgoing_for(due(), 1, said("hmn"), until, clock.now(), signature)
    without = outgoing_for(due(language="vi"), 1, said("vi"), until, clock.now(), signature)

    (media,) = with_recording.media
    assert (media.path, media.mime_type) == (str(tmp_path / f"{'ab' * 32}.mp3"), "audio/mpeg")
    assert without.media == ()


def test_only_a_commune_gets_an_officers_link(said: Any, clock: SteppedClock) -> None:
    signature = Signature(office="vp", secret=OFFICE_KEY, public_url="https://tin.example.gov.vn")
    until = clock.now() + timedelta(hours=6)

    commune = outgoing_for(due(), 1, said("vi"), until, clock.now(), signature)
    person = outgoing_for(due(kind="phone", to="+84912345678"), 1, said("vi"), until, clock.now(), signature)

    assert officer_link.read_bulletin_token(OFFICE_KEY, commune.receipt_link.rpartition("/")[2]) == 12
    assert person.receipt_link == ""

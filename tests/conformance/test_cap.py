"""The optional CAP file against OASIS's own schema for CAP 1.2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from channel_builders import NOW, MakeOutgoing, MakeSettings
from lxml import etree

from broadcaster.channel import registry

DATA = Path(__file__).parents[2].parent / "shared" / "data"  # as in conftest.py
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"


@pytest.fixture(scope="session")
def schema() -> Callable[[bytes], list[str]]:
    """What the schema finds wrong in a document."""
    path = DATA / "cap-1.2.xsd"
    if not path.exists():
        pytest.skip("cap-1.2.xsd is not there: the schema comes from outside and is no part of the project")
    made = etree.XMLSchema(etree.parse(str(path)))

    def faults(document: bytes) -> list[str]:
        made.validate(etree.fromstring(document))
        return [str(error) for error in made.error_log]

    return faults


@pytest.mark.parametrize(
    "spoilt",
    [
        {},
        {"title": "Gọi 111 & 113 <ngay>", "text": "Kính thưa bà con,\nxin gọi 111.\x0b"},
        {"language": "hmn"},
        {"dedupe_key": "vp-d12"},
    ],
)
@pytest.mark.parametrize("voice", ["announcer", "machine"])
def test_an_alert_is_valid_against_the_schema_of_oasis(
    schema: Any, make_settings: MakeSettings, make_outgoing: MakeOutgoing, tmp_path: Path, voice: str, spoilt: Any
) -> None:
    if voice == "machine":
        pytest.importorskip("espeakng_loader")
    own = {"cap": True, "cap_sender": "loa @tinh, <a&b>", "without_recording": voice}
    channel: Any = registry.build(make_settings("loudspeaker", own))

    path = channel.send(
        make_outgoing(to="muong-lat", published_at=NOW, **({"title": "Gọi 111"} | spoilt)), timeout=60
    ).provider_id

    document = (tmp_path / "bulletins" / path / "cap.xml").read_bytes()
    assert schema(document) == []
    alert = etree.fromstring(document)
    assert alert.findtext(f"{CAP}sent") == "2027-07-01T08:00:00+07:00"
    assert alert.findtext(f"{CAP}info/{CAP}urgency") == "Future"
    assert (alert.find(f"{CAP}info/{CAP}resource") is not None) == (
        voice == "machine" and spoilt.get("language") is None
    )


def test_the_schema_would_notice_what_it_forbids(
    schema: Any, make_settings: MakeSettings, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    channel: Any = registry.build(make_settings("loudspeaker", {"cap": True, "without_recording": "announcer"}))
    path = channel.send(make_outgoing(to="muong-lat", published_at=NOW), timeout=60).provider_id
    document = (tmp_path / "bulletins" / path / "cap.xml").read_bytes()

    assert schema(document.replace(b"+07:00</sent>", b"Z</sent>")) != []
    assert schema(document.replace(b"<urgency>Future</urgency>", b"")) != []


def test_no_alert_is_written_unless_the_office_asks_for_it(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    channel: Any = registry.build(make_settings("loudspeaker", {"without_recording": "announcer"}))

    path = channel.send(make_outgoing(to="muong-lat", published_at=NOW), timeout=60).provider_id

    assert not (tmp_path / "bulletins" / path / "cap.xml").exists()

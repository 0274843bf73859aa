"""The bulletin as Common Alerting Protocol 1.2 (OASIS), for systems that read it; off unless an office asks for it. Pure.

CAP is for alerts, and a real alert chain may take any CAP for an emergency: so this one always says Safety, Future, Minor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from xml.etree.ElementTree import Element, SubElement, tostring

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The sound beside the alert."""

    name: str
    mime_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the alert says. Moments are aware and in local time: CAP wants `+07:00`, never `Z`, and no fractions."""

    reference: str
    sender: str
    office: str
    issued: datetime
    expires: datetime
    language: str
    title: str
    text: str
    area: str
    recording: Recording | None = None


def alert(notice: Notice) -> bytes:
    """An `Alert` with one `info`, its elements in the order the schema fixes."""
    root = Element("alert", xmlns=NAMESPACE)
    _add(root, "identifier", _token(notice.reference))
    _add(root, "sender", _token(notice.sender))
    _add(root, "sent", _moment(notice.issued))
    for name, value in (("status", "Actual"), ("msgType", "Alert"), ("scope", "Public")):
        _add(root, name, value)
    info = SubElement(root, "info")
    for name, value in (
        ("language", notice.language), ("category", "Safety"), ("event", notice.title), ("urgency", "Future"),
        ("severity", "Minor"), ("certainty", "Likely"), ("expires", _moment(notice.expires)),
        ("senderName", notice.office), ("headline", notice.title), ("description", notice.text),
    ):  # fmt: skip
        _add(info, name, value)
    if notice.recording:
        _resource(info, notice.recording)
    _add(SubElement(info, "area"), "areaDesc", notice.area)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode").encode() + b"\n"


def _resource(info: Element, recording: Recording) -> None:
    resource = SubElement(info, "resource")
    digest = sha1(recording.data, usedforsecurity=False).hexdigest()  # the schema's own choice
    for name, value in (
        ("resourceDesc", "audio"), ("mimeType", recording.mime_type), ("size", str(len(recording.data))),
        ("uri", recording.name), ("digest", digest),
    ):  # fmt: skip
        _add(resource, name, value)


def _add(parent: Element, name: str, value: str) -> None:
    SubElement(parent, name).text = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", value)


def _token(text: str) -> str:
    """No space, comma, < or & (CAP 1.2, 3.2.1)."""
    return re.sub(r"[\s,<&]+", "-", text)


def _moment(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()

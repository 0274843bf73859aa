"""One bulletin for one commune: every file of its folder, as bytes. Pure, but for the PDF's fonts.

The same bulletin always gives the same files, so that sending it again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from broadcaster.channel import loudspeaker_cap, sound
from broadcaster.channel.loudspeaker_slots import Plays, schedule_csv, schedule_ics
from broadcaster.channel.speech import reading_seconds, spoken

MANIFEST = "manifest.json"
NOTICE = "THU-HOI.txt"
REMINDER = "NHAC-BAO-DA-PHAT.txt"
PRIORITIES = {"thong_thuong": "thông thường", "uu_tien": "ưu tiên"}  # Circular 39/2020/TT-BTTTT; never "khẩn cấp"
VOICES = {"ban_ghi": "bản ghi âm", "may_doc": "máy đọc", "phat_thanh_vien": "phát thanh viên đọc"}
ENDINGS = {"audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/ogg": ".ogg", "audio/wav": ".wav", "audio/flac": ".flac"}
_ROOM = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """What the station plays."""

    data: bytes
    mime_type: str
    voice: str  # "ban_ghi" | "may_doc"

    @property
    def name(self) -> str:
        return "audio" + ENDINGS[self.mime_type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """Everything a package is made of."""

    reference: str  # the same for every repeat: the dispatch's own key
    station: str  # the commune's code
    commune: str  # its name, for people
    office: str
    title: str
    text: str  # the approved speech form
    language: str
    category: str
    priority: str
    issued: datetime  # aware, local
    plays: Plays
    audio: Audio | None  # None: an announcer reads
    confirm: str = ""  # where the officer says that it was played
    cap_sender: str = ""  # "" = no CAP file

    @property
    def words(self) -> str:
        """What is read: in Vietnamese, written out."""
        return words(self.text, self.language)

    @property
    def voice(self) -> str:
        return self.audio.voice if self.audio else "phat_thanh_vien"

    @property
    def seconds(self) -> int:
        """Once through; measured where the recording's format allows it, else as it is read."""
        measured = sound.seconds(self.audio.data, self.audio.mime_type) if self.audio else None
        return max(1, math.ceil(measured)) if measured else max(1, reading_seconds(self.text, self.language))


def words(text: str, language: str) -> str:
    """What a voice reads of an approved text."""
    return spoken(text) if is_vietnamese(language) else text


def is_vietnamese(language: str) -> bool:
    return language.split("-")[0] == "vi"


def files(bulletin: Bulletin) -> dict[str, bytes]:
    """File name -> content; the manifest, which names all others, comes last."""
    played = [bulletin.audio.name] if bulletin.audio else []
    found: dict[str, bytes] = {"bulletin.txt": _script(bulletin)}
    if bulletin.audio:
        found[bulletin.audio.name] = bulletin.audio.data
        found["playlist.m3u8"] = _playlist(bulletin, bulletin.audio.name)
    found["schedule.csv"] = schedule_csv(
        bulletin.plays, seconds=bulletin.seconds, files=played, priority=bulletin.priority, station=bulletin.station
    )
    found["schedule.ics"] = schedule_ics(
        bulletin.plays, seconds=bulletin.seconds, title=bulletin.title, reference=f"{bulletin.reference}/{bulletin.station}",
        issued=bulletin.issued,
    )  # fmt: skip
    found["page.pdf"] = page(bulletin)
    if bulletin.cap_sender:
        found["cap.xml"] = loudspeaker_cap.alert(_notice(bulletin))
    found[MANIFEST] = manifest(bulletin, found)
    return found


def manifest(bulletin: Bulletin, others: Mapping[str, bytes]) -> bytes:
    """What the package is, and the SHA-256 of each of its files."""
    plays = bulletin.plays
    return _json(
        {
            "version": 1,
            "id": bulletin.reference,
            "state": "offered",
            "commune_code": bulletin.station,
            "commune": bulletin.commune,
            "office": bulletin.office,
            "title": bulletin.title,
            "language": bulletin.language,
            "category": bulletin.category,
            "priority": bulletin.priority,
            "voice": bulletin.voice,
            "voice_note": VOICES[bulletin.voice],
            "issued": bulletin.issued.isoformat(),
            "valid_from": plays.first.isoformat(),
            "valid_until": plays.last.isoformat(),
            "play_at": [moment.isoformat() for moment in plays.moments],
            "loops": plays.loops,
            "idle_seconds": plays.idle_seconds,
            "duration_seconds": bulletin.seconds,
            "confirm": bulletin.confirm,
            "files": listed(others),
        }
    )


def listed(others: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The manifest's rows about its files."""
    return [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in sorted(others.items())
    ]


def recalled(old: bytes, notice: bytes) -> bytes:
    """The manifest of a package that must not be played any more: only the notice is left of its files."""
    told: dict[str, Any] = json.loads(old)
    return _json({**told, "state": "recalled", "play_at": [], "files": listed({NOTICE: notice})})


def notice(told: Mapping[str, Any]) -> bytes:
    """What takes the place of a recalled bulletin."""
    return (
        f"THU HỒI BẢN TIN\n\nBản tin: {told.get('title', '')}\nMã: {told.get('id', '')}\n\n"
        "Cơ quan phát hành đã thu hồi bản tin này. Xin KHÔNG phát, và xóa các bản đã sao chép.\n"
    ).encode()


def page(bulletin: Bulletin) -> bytes:
    """One A4 page: the script, when to read it, and the QR code of the officer's link."""
    told = {
        "office": bulletin.office,
        "title": bulletin.title,
        "language": bulletin.language.split("-")[0],
        "lines": _facts(bulletin),
        "text": bulletin.words,
        "foot": f"Mã bản tin: {bulletin.reference} · {bulletin.commune}"
        + (f" · {bulletin.confirm}" if bulletin.confirm else ""),
    }
    inputs = {"page": json.dumps(told, ensure_ascii=False)}
    if bulletin.confirm:
        inputs["qr"] = _qr(bulletin.confirm)
    import typst

    return bytes(
        typst.compile(
            str(_ROOM / "templates" / "loudspeaker.typ"),
            root=str(_ROOM / "templates"),
            font_paths=_fonts(),
            sys_inputs=inputs,
        )
    )


@cache
def _fonts() -> Any:
    import typst

    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(_ROOM.parent / "fonts")]
    )


def _qr(address: str) -> str:
    import segno

    return segno.make(address, error="m").svg_inline(scale=4, border=2)


def _script(bulletin: Bulletin) -> bytes:
    head = "\n".join(f"{name}: {value}" for name, value in _facts(bulletin))
    foot = f"\n\nBáo đã phát: {bulletin.confirm}" if bulletin.confirm else ""
    return f"{bulletin.title}\n\n{head}\n\n{bulletin.words}{foot}\n".encode()


def _facts(bulletin: Bulletin) -> list[tuple[str, str]]:
    plays = bulletin.plays
    times = "; ".join(f"{moment:%H:%M %d/%m/%Y}" for moment in plays.moments)
    return [
        ("Nơi phát", bulletin.commune),
        ("Ưu tiên", PRIORITIES[bulletin.priority]),
        ("Giờ phát", times + (f", mỗi lần đọc {plays.loops} lượt" if plays.loops > 1 else "")),
        ("Giọng đọc", VOICES[bulletin.voice]),
        ("Thời lượng", f"{bulletin.seconds} giây"),
    ]


def _playlist(bulletin: Bulletin, name: str) -> bytes:
    title = bulletin.title.replace("\n", " ")
    return f"#EXTM3U\n#EXTINF:{bulletin.seconds},{title}\n{name}\n".encode()


def _notice(bulletin: Bulletin) -> loudspeaker_cap.Notice:
    audio = bulletin.audio
    recording = audio and loudspeaker_cap.Recording(name=audio.name, mime_type=audio.mime_type, data=audio.data)
    return loudspeaker_cap.Notice(
        reference=f"{bulletin.reference}.{bulletin.station}", sender=bulletin.cap_sender, office=bulletin.office,
        issued=bulletin.issued, expires=bulletin.plays.moments[-1] + timedelta(hours=1), language=bulletin.language,
        title=bulletin.title, text=bulletin.text, area=bulletin.commune, recording=recording or None,
    )  # fmt: skip


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"

"""Commune loudspeakers: a package per commune and broadcast, in a folder or on its way to the station.

There is no live interface that every station answers to: the officer plays what the package holds, and says so. Handing over
the same bulletin again gives the same package, so a lost answer is simply repeated.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from broadcaster.channel import loudspeaker_drop as drop
from broadcaster.channel import loudspeaker_package as package
from broadcaster.channel import officer_link
from broadcaster.channel.base import (
    Accepted,
    Media,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Traits,
)
from broadcaster.channel.loudspeaker_mail import Mail
from broadcaster.channel.loudspeaker_slots import plays, read_slots
from broadcaster.channel.loudspeaker_upload import HttpsPut, Sftp
from broadcaster.channel.speech import reading_seconds
from broadcaster.channel.voice import NoVoice, Voice, VoiceFailed
from broadcaster.clock import Clock, SystemClock
from broadcaster.config import ChannelSettings, Secret, parse_span
from broadcaster.errors import NotFound, WrongUse

STATIONS_LIMIT = 1024 * 1024  # bytes; 3,321 communes and wards there are (July 2025) need about 300 kB
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}/\d{4}-\d\d-\d\d-[A-Za-z0-9-]{1,48}")
NOT_OURS_TO_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR}


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    folder: str = "bulletins"  # where every package is kept, by commune
    deliver: Literal["folder", "https", "sftp", "email"] = "folder"  # how it reaches the station from there
    priority: Literal["thong_thuong", "uu_tien"] = "thong_thuong"  # of bulletins whose schedule says normal
    without_recording: Literal["refuse", "machine", "announcer"] = (
        "refuse"  # who reads a message without a recording; the machine reads Vietnamese, other languages are an announcer's
    )
    voice: str = "vi"  # of the machine: vi, vi-vn-x-central, vi-vn-x-south
    slots: tuple[str, ...] = ("05:30", "17:00")  # local hours at which stations play
    days: int = 1  # days on which it is played
    loops: int = 1  # times it is read at each hour
    idle: str = "5s"  # between two of them
    longest: str = "3min"  # a longer bulletin is refused
    stations: str = ""  # a CSV file: commune,name,email
    cap: bool = False  # also cap.xml; only for a system that is known to read it and not to sound a siren
    cap_sender: str = ""  # who the CAP alert is from; empty: the channel's name
    put_url: str = ""
    put_token: Secret | None = None
    sftp_host: str = ""
    sftp_port: int = 22
    sftp_user: str = ""
    sftp_password: Secret | None = None
    sftp_key: Secret | None = None
    sftp_host_key: str = ""
    sftp_folder: str = "."
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: Secret | None = None
    mail_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One commune as the stations file tells of it."""

    code: str
    name: str = ""
    email: str = ""


class Loudspeaker:
    """One way of giving bulletins to communes."""

    traits = Traits(
        unit="audience", address="loudspeaker", after_silence="repeat", forms=("speech",), max_length=0, receipts="none"
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self.clock: Clock = SystemClock()
        self._options = options = settings.options(Options)
        where = f"config: channels.{name}"
        self._slots = read_slots(options.slots, where=f"{where}.slots")
        if not (1 <= options.days <= 31 and 1 <= options.loops <= 20):
            raise WrongUse(f"{where}: days must be 1 to 31, loops 1 to 20.")
        if not re.fullmatch(r"vi[a-z-]{0,30}", options.voice):
            raise WrongUse(f"{where}.voice: the Vietnamese voices are vi, vi-vn-x-central and vi-vn-x-south.")
        self._idle = int(parse_span(options.idle, where=f"{where}.idle").total_seconds())
        self._longest = int(parse_span(options.longest, where=f"{where}.longest").total_seconds())
        self._folder = settings.folder / options.folder
        self._stations_file = settings.folder / options.stations if options.stations else None
        self._zone = ZoneInfo(settings.timezone)
        self._office = settings.office_name or name
        if options.deliver == "email":  # a second mail is a second mail, although it has the same Message-ID
            self.traits = replace(type(self).traits, after_silence="ask")
        self._voice = Voice(self._folder / ".speech", name=options.voice)
        self._destination = _destination(name, settings, options)

    # ---- the contract

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not officer_link.STATION.fullmatch(outgoing.to):
            problems.append(
                "The commune's code must be lower-case letters, digits and hyphens, like muong-lat or 14845."
            )
        if not outgoing.text.strip():
            problems.append("The text is empty; write the `speech` form.")
        seconds = reading_seconds(outgoing.text, outgoing.language)
        if seconds > self._longest:
            problems.append(
                f"It takes about {seconds} s to read, and {self._longest} s is the most here: shorten it, or raise `longest`."
            )
        if self._recording(outgoing) is None:
            problems += self._without_recording(outgoing.language)
        return problems

    def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        problems = self.check(outgoing)
        if problems:
            raise Refused(problems[0])
        issued = (outgoing.published_at or self.clock.now()).astimezone(self._zone).replace(microsecond=0)
        path = f"{outgoing.to}/{issued:%Y-%m-%d}-{outgoing.dedupe_key}"
        if not NAME.fullmatch(path):
            raise Refused("The dispatch's key cannot be the name of a folder; only letters, digits and hyphens can.")
        station = self._station(outgoing.to)
        try:
            files = self._kept(path) or self._make(outgoing, station, path, issued, timeout=timeout)
        except OSError as error:
            raise _judge(error) from None
        parcel = drop.Parcel(
            path=path, files=files, subject=f"Bản tin truyền thanh: {outgoing.title}", mail=station.email,
            body=files["bulletin.txt"].decode(), reference=f"{outgoing.dedupe_key}.{station.code}",
        )  # fmt: skip
        self._destination.deliver(parcel, timeout=timeout)
        return Accepted(provider_id=path)

    async def close(self) -> None:
        return

    # ---- afterwards

    def take_down(self, provider_id: str) -> None:
        """Put a notice in the package's place and say so at its destination. Repeatable. Raises: NotFound, SendError."""
        folder = self._package(provider_id)
        told = self.manifest(provider_id)
        notice = package.notice(told)
        try:
            drop.replace(folder / package.NOTICE, notice)
            manifest = package.recalled((folder / package.MANIFEST).read_bytes(), notice)
            drop.replace(folder / package.MANIFEST, manifest)
            for file in folder.iterdir():
                if file.name not in (package.NOTICE, package.MANIFEST):
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise _judge(error) from None
        station = self._station(provider_id.partition("/")[0])
        files = {package.NOTICE: notice, package.MANIFEST: manifest}
        parcel = drop.Parcel(
            path=provider_id, files=files, subject=f"THU HỒI bản tin: {told['title']}", mail=station.email,
            body=notice.decode(), reference=f"{told['id']}.{station.code}.thu-hoi",
        )  # fmt: skip
        self._destination.deliver(parcel, timeout=30.0)

    def remind(self, station: str, text: str, *, reference: str, timeout: float = 30.0) -> None:
        """Leave `text` where the commune's officer finds bulletins. Raises: SendError."""
        if not officer_link.STATION.fullmatch(station):
            raise Refused("This is no commune's code.")
        data = text.encode()
        try:
            drop.replace(self._folder / station / package.REMINDER, data)
        except OSError as error:
            raise _judge(error) from None
        self._destination.deliver(
            drop.Parcel(
                path=station, files={package.REMINDER: data}, subject="Xin báo kết quả phát bản tin", body=text,
                mail=self._station(station).email, reference=reference,
            ),
            timeout=timeout,
        )  # fmt: skip

    def manifest(self, provider_id: str) -> dict[str, Any]:
        """What a package says of itself. Raises: NotFound."""
        try:
            found: dict[str, Any] = json.loads((self._package(provider_id) / package.MANIFEST).read_bytes())
        except (OSError, ValueError):
            raise NotFound(f"The package {provider_id} cannot be read on this machine.") from None
        return found

    # ---- parts

    def _package(self, provider_id: str) -> Path:
        folder = self._folder / provider_id
        if not NAME.fullmatch(provider_id) or not (folder / package.MANIFEST).is_file():
            raise NotFound(f"The channel {self.name} has no package {provider_id!r:.100}; `bulletin list` names them.")
        return folder

    def _kept(self, path: str) -> dict[str, bytes] | None:
        """The package as it was handed over before; a recalled one is never handed over again."""
        folder = self._folder / path
        try:
            told = json.loads((folder / package.MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            raise Misconfigured(f"{folder} holds a damaged {package.MANIFEST}; move the folder away.") from None
        if told.get("state") == "recalled":
            raise Refused("This bulletin was recalled; it is not handed over again.")
        names = [one["name"] for one in told["files"]] + [package.MANIFEST]
        return {name: (folder / name).read_bytes() for name in names}

    def _make(
        self, outgoing: Outgoing, station: Station, path: str, issued: datetime, *, timeout: float
    ) -> dict[str, bytes]:
        options = self._options
        files = package.files(
            package.Bulletin(
                reference=outgoing.dedupe_key, station=station.code, commune=station.name or station.code,
                office=self._office, title=outgoing.title, text=outgoing.text, language=outgoing.language,
                category=outgoing.category, priority="uu_tien" if outgoing.urgent else options.priority, issued=issued,
                plays=plays(
                    issued, self._slots, self._zone, days=options.days, loops=options.loops, idle_seconds=self._idle
                ),
                audio=self._audio(outgoing, timeout=timeout), confirm=outgoing.receipt_link,
                cap_sender=(options.cap_sender or self.name) if options.cap else "",
            )
        )  # fmt: skip
        drop.appear(self._folder / path, files)
        return files

    def _audio(self, outgoing: Outgoing, *, timeout: float) -> package.Audio | None:
        recording = self._recording(outgoing)
        if recording is not None:
            return package.Audio(data=_approved(recording), mime_type=recording.mime_type, voice="ban_ghi")
        if self._options.without_recording == "announcer" or not package.is_vietnamese(outgoing.language):
            return None  # the machine reads Vietnamese only
        try:
            sound = self._voice.say(package.words(outgoing.text, outgoing.language), timeout=timeout)
        except NoVoice as error:
            raise Misconfigured(str(error)) from None
        except VoiceFailed as error:
            raise NotAccepted(str(error)) from None
        return package.Audio(data=sound, mime_type="audio/mpeg", voice="may_doc")

    def _recording(self, outgoing: Outgoing) -> Media | None:
        return next((one for one in outgoing.media if one.mime_type in package.ENDINGS), None)

    def _without_recording(self, language: str) -> list[str]:
        if self._options.without_recording != "refuse":
            return []
        remedy = (
            f"There is no recording in {language}: add audio.{language} to the message; or listen to the machine's voice "
            "(`broadcaster bulletin listen`) and set without_recording to machine, or to announcer where a person reads"
        )
        return [remedy]

    def _station(self, code: str) -> Station:
        return self._stations.get(code) or Station(code=code)

    @cached_property
    def _stations(self) -> Mapping[str, Station]:
        return read_stations(self._stations_file) if self._stations_file else {}


def read_stations(path: Path) -> dict[str, Station]:
    """The stations file. Raises: Misconfigured naming the line."""
    try:
        with path.open("rb") as file:
            raw = file.read(STATIONS_LIMIT + 1)
        if len(raw) > STATIONS_LIMIT:
            raise Misconfigured(f"{path.name} is larger than 1 MB; that is no list of communes.")
        rows = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{path.name} cannot be read as UTF-8 text; correct `stations`.") from None
    found: dict[str, Station] = {}
    for number, row in enumerate(rows, 2):
        code = (row.get("commune") or "").strip()
        if not officer_link.STATION.fullmatch(code) or code in found:
            raise Misconfigured(f"{path.name}, line {number}: `commune` must be a code of its own, like muong-lat.")
        found[code] = Station(code=code, name=(row.get("name") or "").strip(), email=(row.get("email") or "").strip())
    return found


def _destination(name: str, settings: ChannelSettings, options: Options) -> drop.Destination:
    if options.deliver == "https":
        return HttpsPut(name, settings.common.api_base or options.put_url, options.put_token)
    if options.deliver == "sftp":
        return Sftp(
            name, host=options.sftp_host, port=options.sftp_port, user=options.sftp_user,
            password=options.sftp_password, key=options.sftp_key, host_key=options.sftp_host_key,
            folder=options.sftp_folder,
        )  # fmt: skip
    if options.deliver == "email":
        return Mail(
            name, host=options.smtp_host, port=options.smtp_port, user=options.smtp_user,
            password=options.smtp_password, sender=options.mail_from,
        )  # fmt: skip
    return drop.Here()


def _approved(media: Media) -> bytes:
    """Raises: Refused if it is not the file that was approved."""
    try:
        data = Path(media.path).read_bytes()
    except OSError:
        raise Refused("The approved recording cannot be read on this machine; approve the message again.") from None
    if hashlib.sha256(data).hexdigest() != media.sha256.lower():
        raise Refused("The recording has changed since its approval; approve the message again.")
    return data


def _judge(error: OSError) -> SendError:
    reason = error.strerror or type(error).__name__
    if error.errno in NOT_OURS_TO_WRITE:
        return Misconfigured(f"The folder of bulletins cannot be written ({reason}); correct its rights or `folder`.")
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
        return OutcomeUnknown("Another process made the same package just now; sending again settles it.")
    return NotAccepted(f"The folder of bulletins cannot be written now ({reason}).")

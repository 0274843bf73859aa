"""A commune's package: whole or not there, the same each time, said by whom it says, and taken back when it must be."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from channel_builders import MakeOutgoing, MakeSettings
from icalendar import Calendar

from broadcaster.channel import loudspeaker_package, registry, sound, voice
from broadcaster.channel.base import Media, Misconfigured, NotAccepted, OutcomeUnknown, Refused
from broadcaster.channel.loudspeaker import Loudspeaker
from broadcaster.channel.loudspeaker_slots import plays, read_slots
from broadcaster.errors import NotFound, WrongUse

ISSUED = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)  # 08:00 in Ho Chi Minh City
PATH = "muong-lat/2027-07-01-vp-d12"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SPEAKS = pytest.importorskip  # the voice's tests need the extra `speech`


def make_wav(seconds: float = 2.0) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(8000 * seconds)))
    return target.getvalue()


@pytest.fixture
def bulletin(make_outgoing: MakeOutgoing) -> MakeOutgoing:
    def make(**spoilt: Any) -> Any:
        values = {
            "to": "muong-lat", "dedupe_key": "vp-d12", "text": "Kính thưa bà con. Xin gọi 111, 24/7.", "title": "Gọi 111",
            "published_at": ISSUED, "category": "hotline", "receipt_link": "https://tin.example.gov.vn/l/12-abc",
        }  # fmt: skip
        return make_outgoing(**(values | spoilt))

    return make


@pytest.fixture
def make_channel(make_settings: MakeSettings) -> Any:
    def make(**own: Any) -> Loudspeaker:
        channel = registry.build(make_settings("loudspeaker", {"without_recording": "announcer", **own}))
        assert isinstance(channel, Loudspeaker)
        return channel

    return make


def read_package(tmp_path: Path, path: str = PATH) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (tmp_path / "bulletins" / path).iterdir()}


# -- the package ------------------------------------------------------------------------------------------------------


def test_a_recording_is_what_the_station_plays_and_every_file_is_in_the_manifest(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    recording = make_wav()
    (tmp_path / "r.wav").write_bytes(recording)
    media = Media(
        name="r.wav", mime_type="audio/wav", sha256=hashlib.sha256(recording).hexdigest(), path=str(tmp_path / "r.wav")
    )

    accepted = make_channel(without_recording="refuse", priority="uu_tien").send(bulletin(media=(media,)), timeout=30)

    files = read_package(tmp_path)
    manifest = json.loads(files["manifest.json"])
    assert accepted.provider_id == PATH
    assert files["audio.wav"] == recording
    assert (manifest["voice"], manifest["duration_seconds"], manifest["priority"]) == ("ban_ghi", 2, "uu_tien")
    assert {one["name"]: one["sha256"] for one in manifest["files"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"
    }
    assert b"#EXTINF:2," in files["playlist.m3u8"]
    assert "Giọng đọc: bản ghi âm" in files["bulletin.txt"].decode()


def test_a_recording_that_is_not_the_approved_one_is_never_handed_over(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    (tmp_path / "r.wav").write_bytes(make_wav())
    media = Media(name="r.wav", mime_type="audio/wav", sha256="0" * 64, path=str(tmp_path / "r.wav"))

    with pytest.raises(Refused, match="approve the message again"):
        make_channel().send(bulletin(media=(media,)), timeout=30)
    assert not (tmp_path / "bulletins" / "muong-lat").exists()


def test_without_a_recording_nothing_goes_unless_the_office_chose_a_voice(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    channel = make_channel(without_recording="refuse")

    (said,) = channel.check(bulletin())

    assert "add audio.vi" in said
    assert "bulletin listen" in said
    with pytest.raises(Refused):
        channel.send(bulletin(), timeout=30)
    assert make_channel(without_recording="announcer").check(bulletin(language="hmn")) == []


def test_an_announcer_gets_the_script_written_out_and_no_sound(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    make_channel().send(bulletin(), timeout=30)

    files = read_package(tmp_path)
    script = files["bulletin.txt"].decode()
    assert "Xin gọi một một một, hai mươi bốn giờ mỗi ngày" in script
    assert "phát thanh viên đọc" in script
    assert set(files) == {"bulletin.txt", "schedule.csv", "schedule.ics", "page.pdf", "manifest.json"}
    assert files["page.pdf"].startswith(b"%PDF")


@pytest.mark.parametrize("words", [20, 300, 560, 1000])
def test_the_officer_s_page_is_one_page_with_a_code(
    words: int, make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    make_channel(longest="10min").send(bulletin(text="Kính thưa bà con nghiêng " * (words // 5)), timeout=30)

    page = read_package(tmp_path)["page.pdf"]
    assert re.findall(rb"/Type\s*/Page\b", page) == [b"/Type/Page"]


def test_a_machine_s_voice_is_marked_wherever_people_look(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    SPEAKS("espeakng_loader")

    make_channel(without_recording="machine").send(bulletin(), timeout=60)

    files = read_package(tmp_path)
    manifest = json.loads(files["manifest.json"])
    assert manifest["voice_note"] == "máy đọc"
    assert "máy đọc" in files["bulletin.txt"].decode()
    length = sound.seconds(files["audio.mp3"], "audio/mpeg")
    assert length
    assert manifest["duration_seconds"] == -(-length // 1)
    words = len(re.findall(r"\w+", "Kính thưa bà con Xin gọi một một một hai mươi bốn giờ mỗi ngày bảy ngày mỗi tuần"))
    assert 2 <= words / length <= 6  # syllables a second: what a sane voice does


def test_the_same_bulletin_again_is_the_same_package_byte_for_byte(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    make_channel().send(bulletin(), timeout=30)
    before = read_package(tmp_path)

    make_channel(slots=["06:00"]).send(bulletin(key="k2"), timeout=30)

    assert read_package(tmp_path) == before
    assert [path.name for path in (tmp_path / "bulletins" / "muong-lat").iterdir()] == [PATH.partition("/")[2]]


def test_a_package_appears_whole_or_not_at_all(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(100))

    def full(file: int) -> None:
        if next(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(NotAccepted, match="No space left"):
        make_channel().send(bulletin(), timeout=30)
    assert list((tmp_path / "bulletins" / "muong-lat").iterdir()) == []
    monkeypatch.undo()
    make_channel().send(bulletin(), timeout=30)
    assert "manifest.json" in read_package(tmp_path)


@pytest.mark.parametrize("station", ["../etc", "Mường Lát", "", "a/b", "-a", "x" * 64])
def test_a_code_that_could_name_another_folder_is_refused(
    make_channel: Any, bulletin: MakeOutgoing, station: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="code"):
        make_channel().send(bulletin(to=station), timeout=30)
    assert not (tmp_path / "bulletins").exists()


def test_a_schedule_with_priority_makes_a_bulletin_of_priority(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    make_channel().send(bulletin(urgent=True), timeout=30)

    assert json.loads(read_package(tmp_path)["manifest.json"])["priority"] == "uu_tien"


def test_a_bulletin_that_is_too_long_says_how_long_it_is(make_channel: Any, bulletin: MakeOutgoing) -> None:
    (said,) = make_channel(longest="10s").check(bulletin(text="bà con " * 50))

    assert "about 32 s" in said
    assert "10 s is the most" in said


# -- when it sounds ---------------------------------------------------------------------------------------------------


def test_a_bulletin_sounds_at_the_station_s_next_hours() -> None:
    slots = read_slots(["17:00", "05:30"], where="x")

    today = plays(ISSUED, slots, ZONE, days=2, loops=1, idle_seconds=5)
    late = plays(datetime(2027, 7, 1, 12, 0, tzinfo=UTC), slots, ZONE, days=1, loops=1, idle_seconds=5)

    assert [f"{one:%d %H:%M}" for one in today.moments] == ["01 17:00", "02 05:30", "02 17:00"]
    assert [f"{one:%d %H:%M}" for one in late.moments] == ["02 05:30", "02 17:00"]
    assert (late.first, slots) == (date(2027, 7, 2), (time(5, 30), time(17)))


def test_the_schedule_reads_back_as_a_table_and_as_a_calendar(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    make_channel(days=2, loops=3, idle="10s").send(bulletin(), timeout=30)

    files = read_package(tmp_path)
    rows = list(csv.DictReader(io.StringIO(files["schedule.csv"].decode())))
    events = list(Calendar.from_ical(files["schedule.ics"]).walk("VEVENT"))
    assert [(row["date_from"], row["start_times"], row["weekdays"]) for row in rows] == [
        ("2027-07-01", "17:00", "thu"),
        ("2027-07-02", "05:30 17:00", "fri"),
    ]
    assert rows[0]["commune_code"] == "muong-lat"
    assert (rows[0]["loops"], rows[0]["idle_seconds"]) == ("3", "10")
    assert len({str(one["uid"]) for one in events}) == 3
    assert str(events[0]["dtstart"].params["TZID"]) == "Asia/Ho_Chi_Minh"


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"slots": ["25:00"]}, "05:30"),
        ({"slots": []}, "at least one hour"),
        ({"days": 0}, "1 to 31"),
        ({"voice": "vi; rm"}, "voices are"),
        ({"priority": "khan_cap"}, "khan_cap"),
        ({"deliver": "https", "put_url": "http://tram.example/"}, "https://"),
        ({"deliver": "sftp", "sftp_host": "h", "sftp_user": "u", "sftp_host_key": "?"}, "ssh-ed25519"),
        ({"deliver": "email", "smtp_host": "h"}, "mail_from"),
    ],
)
def test_a_wrong_setting_is_named_when_the_channel_is_built(own: dict[str, Any], says: str, make_channel: Any) -> None:
    with pytest.raises(WrongUse, match=says):
        make_channel(**own)


# -- taken back, asked again ------------------------------------------------------------------------------------------


def test_a_recalled_bulletin_leaves_a_notice_and_nothing_to_play(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    channel = make_channel()
    channel.send(bulletin(), timeout=30)

    channel.take_down(PATH)

    files = read_package(tmp_path)
    assert set(files) == {"THU-HOI.txt", "manifest.json"}
    assert json.loads(files["manifest.json"])["state"] == "recalled"
    assert "KHÔNG phát" in files["THU-HOI.txt"].decode()
    with pytest.raises(Refused, match="recalled"):
        channel.send(bulletin(), timeout=30)


@pytest.mark.parametrize("provider_id", ["muong-lat/2027-07-02-vp-d12", "../../etc/2027-07-01-a", "x"])
def test_what_is_no_package_of_ours_is_not_touched(make_channel: Any, provider_id: str) -> None:
    with pytest.raises(NotFound):
        make_channel().take_down(provider_id)


def test_a_reminder_lies_where_the_commune_finds_its_bulletins(make_channel: Any, tmp_path: Path) -> None:
    make_channel().remind("muong-lat", "Xin báo.", reference="r1")

    assert (tmp_path / "bulletins" / "muong-lat" / loudspeaker_package.REMINDER).read_text() == "Xin báo."
    with pytest.raises(Refused):
        make_channel().remind("../x", "Xin báo.", reference="r1")


# -- destinations -----------------------------------------------------------------------------------------------------


class Portal(ThreadingHTTPServer):
    """A receiver of uploads with a book of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        self.book: dict[str, bytes] = {}
        self.order: list[str] = []
        self.status = 201
        super().__init__(("127.0.0.1", 0), _PortalHandler)


class _PortalHandler(BaseHTTPRequestHandler):
    server: Portal

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 201 and self.headers["Authorization"] == "Bearer twilio-secret-canary":
            self.server.book[self.path] = data
            self.server.order.append(self.path.rpartition("/")[2])
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def portal() -> Iterator[Portal]:
    server = Portal()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def put_channel(make_channel: Any, portal: Portal) -> Loudspeaker:
    url = f"http://127.0.0.1:{portal.server_address[1]}/nhan"
    channel: Loudspeaker = make_channel(deliver="https", put_url=url, put_token={"env": "TEST_TOKEN"})
    return channel


def test_an_upload_puts_every_file_the_manifest_last_and_again_changes_nothing(
    put_channel: Loudspeaker, portal: Portal, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    put_channel.send(bulletin(), timeout=30)
    before = dict(portal.book)

    put_channel.send(bulletin(key="k2"), timeout=30)

    assert portal.book == before
    assert {name.rpartition("/")[2]: data for name, data in portal.book.items()} == read_package(tmp_path)
    assert portal.order[len(before) - 1] == "manifest.json"
    assert f"/nhan/{PATH}/manifest.json" in portal.book


@pytest.mark.parametrize(("status", "error"), [(401, Misconfigured), (500, OutcomeUnknown), (302, OutcomeUnknown)])
def test_an_upload_that_fails_is_named_for_what_it_is_and_keeps_its_secret(
    put_channel: Loudspeaker, portal: Portal, bulletin: MakeOutgoing, status: int, error: type[Exception]
) -> None:
    portal.status = status

    with pytest.raises(error) as caught:
        put_channel.send(bulletin(), timeout=30)

    assert "canary" not in f"{caught.value!r}"
    portal.status = 201
    assert put_channel.send(bulletin(), timeout=30).provider_id == PATH


def test_without_a_receiver_nothing_was_sent(make_channel: Any, bulletin: MakeOutgoing) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(NotAccepted):
        make_channel(deliver="https", put_url=url).send(bulletin(), timeout=5)


def test_a_recall_reaches_the_receiver(put_channel: Loudspeaker, portal: Portal, bulletin: MakeOutgoing) -> None:
    put_channel.send(bulletin(), timeout=30)

    put_channel.take_down(PATH)

    assert f"/nhan/{PATH}/THU-HOI.txt" in portal.book
    assert json.loads(portal.book[f"/nhan/{PATH}/manifest.json"])["state"] == "recalled"


def test_mail_brings_the_sound_and_one_page_to_the_officer(
    make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    from email import message_from_bytes
    from email.policy import default

    from aiosmtpd.controller import Controller

    class Box:
        def __init__(self) -> None:
            self.mails: list[Any] = []

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            self.mails.append(envelope)
            return "250 OK"

    (tmp_path / "stations.csv").write_text("commune,name,email\nmuong-lat,Xã Mường Lát,loa@muonglat.example.vn\n")
    (tmp_path / "r.wav").write_bytes(make_wav())
    media = Media(
        name="r.wav", mime_type="audio/wav", sha256=hashlib.sha256(make_wav()).hexdigest(), path=str(tmp_path / "r.wav")
    )
    box = Box()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        channel = make_channel(
            deliver="email",
            smtp_host="127.0.0.1",
            smtp_port=port,
            mail_from="tin@tinh.example.vn",
            stations="stations.csv",
        )

        channel.send(bulletin(media=(media,)), timeout=30)
    finally:
        controller.stop()

    (envelope,) = box.mails
    mail = message_from_bytes(envelope.content, policy=default)
    attached = {part.get_filename(): part.get_content_type() for part in mail.iter_attachments()}
    assert envelope.rcpt_tos == ["loa@muonglat.example.vn"]
    assert attached == {"audio.wav": "audio/wav", "page.pdf": "application/pdf", "schedule.ics": "text/calendar"}
    assert mail["Message-ID"] == "<vp-d12.muong-lat@tinh.example.vn>"
    assert "Xã Mường Lát" in mail.get_body().get_content()
    assert channel.traits.after_silence == "ask"
    with pytest.raises(Refused, match="no e-mail address"):
        channel.send(bulletin(to="pu-nhi"), timeout=30)


@pytest.mark.parametrize("pinned", [True, False])
def test_sftp_writes_only_to_the_server_whose_key_is_pinned(
    pinned: bool, make_channel: Any, bulletin: MakeOutgoing, tmp_path: Path
) -> None:
    paramiko = pytest.importorskip("paramiko")
    from sftp_server import serve

    root = tmp_path / "remote"
    root.mkdir()
    host_key = paramiko.ECDSAKey.generate()
    other = paramiko.ECDSAKey.generate()
    shown = host_key if pinned else other
    with serve(root, host_key) as port:
        channel = make_channel(
            deliver="sftp", sftp_host="127.0.0.1", sftp_port=port, sftp_user="loa", sftp_password={"env": "TEST_TOKEN"},
            sftp_host_key=f"ecdsa-sha2-nistp256 {shown.get_base64()}", sftp_folder="in",
        )  # fmt: skip

        if not pinned:
            with pytest.raises(Misconfigured, match="another host key"):
                channel.send(bulletin(), timeout=10)
            assert list(root.iterdir()) == []
            return
        channel.send(bulletin(), timeout=10)
        channel.send(bulletin(key="k2"), timeout=10)
        there = {path.name: path.read_bytes() for path in (root / "in" / PATH).iterdir()}
        assert there == read_package(tmp_path)
        channel.take_down(PATH)

    assert json.loads((root / "in" / PATH / "manifest.json").read_bytes())["state"] == "recalled"


# -- the voice --------------------------------------------------------------------------------------------------------


def test_a_text_is_said_once_however_many_communes_ask_for_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def said(text: str, **_: Any) -> bytes:
        runs.append(text)
        threading.Event().wait(0.05)  # long enough for the others to arrive
        return b"sound"

    monkeypatch.setattr(voice, "synthesise", said)
    speaker = voice.Voice(tmp_path)
    threads = [threading.Thread(target=speaker.say, args=("một",), kwargs={"timeout": 5}) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert runs == ["một"]
    assert speaker.say("một", timeout=5) == voice.Voice(tmp_path).say("một", timeout=5) == b"sound"


@pytest.mark.parametrize(("code", "says"), [(3, "no Vietnamese voice"), (4, "cannot write MP3")])
def test_a_machine_without_a_voice_says_what_to_install(
    code: int, says: str, make_channel: Any, bulletin: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.CompletedProcess([], code, stdout=b"", stderr=b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: gone)

    with pytest.raises(Misconfigured, match=says) as caught:
        make_channel(without_recording="machine").send(bulletin(), timeout=5)

    assert "broadcaster[speech]" in str(caught.value)


def test_the_engine_is_never_part_of_the_program() -> None:
    code = (
        "import sys, broadcaster.channel.loudspeaker, broadcaster.channel.voice, broadcaster.cli.main\n"
        "print([name for name in sys.modules if 'espeak' in name or 'lame' in name or 'voice_process' in name])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_lengths_are_counted_from_the_sound_itself() -> None:
    frame = bytes.fromhex("fffb90c4") + bytes(417 - 4)  # MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 1152 samples

    assert sound.seconds(frame * 100, "audio/mpeg") == pytest.approx(100 * 1152 / 44100)
    assert sound.seconds(b"ID3\x04\x00\x00\x00\x00\x00\x05hello" + frame, "audio/mpeg") == pytest.approx(1152 / 44100)
    assert sound.seconds(make_wav(1.5), "audio/wav") == pytest.approx(1.5)
    assert sound.seconds(b"no sound at all", "audio/mpeg") is None
    assert sound.seconds(b"RIFF", "audio/wav") is None
    assert sound.seconds(b"OggS", "audio/ogg") is None

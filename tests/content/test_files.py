from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadcaster.content import facts, files, item
from broadcaster.content.fault import Faulty
from broadcaster.content.files import load
from broadcaster.content.toml import parse
from broadcaster.errors import NotFound
from tests.content.library import BODY, FACTS, FRONT, write


def test_a_library_is_read_whole(tmp_path: Path) -> None:
    library = load(write(tmp_path))

    message = library.item("hotline-111")
    assert library.faults == ()
    assert (message.category, message.languages) == ("hotline", ("vi", "en"))
    assert message.forms("vi")["sms"] == "Gọi {{ fact.hotline }} (miễn phí)."
    assert message.line_of("vi", "sms") == 12
    assert library.facts["hotline"].speech == {"vi": "một một một"}


@pytest.mark.parametrize(
    ("raw", "line", "says"),
    [
        (b"", 1, "begins with a line"),
        (b"no front matter", 1, "begins with a line"),
        (b"+++\nid = 1", 1, "not closed"),
        (b"+++\nid = \"x\"\nid = \"y\"\n+++\n", 3, "not valid TOML"),
        (b"+++\nid = \xe2\x80\x9cx\xe2\x80\x9d\n+++\n", 2, "not valid TOML"),
        (b"+++\nid = \"hotline-111\"\n\0\n+++\n", 3, "NUL"),
        (b"\xef\xbb\xbf+++\n", 1, "byte order mark"),
        ("+++\nid = 1\n".encode("utf-16"), 1, "UTF-16"),
        ("+++\nid = 1\n".encode("utf-16-le"), 1, "UTF-16"),
        (b"+++\ntitle.vi = \"G\xcbi\"\n+++\n", 2, "not UTF-8"),
        (b"+++\nx = " + b"[" * 5000 + b"]" * 5000 + b"\n+++\n", 2, "nested too deep"),
        (b"+++\nx" + b".a" * 5000 + b" = 1\n+++\n", 2, "too many dots"),
        (b"+++\nx = " + b"1" * 5000 + b"\n+++\n", 2, "not valid TOML"),
        (b"+" * (files.FILE_LIMIT + 1), None, "larger than 1 MB"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_its_line(
    tmp_path: Path, raw: bytes, line: int | None, says: str
) -> None:
    content = write(tmp_path)
    (content / "hotline" / "hotline-111.md").write_bytes(raw)

    [fault] = load(content).faults

    assert (fault.path, fault.line) == ("content/hotline/hotline-111.md", line)
    assert says in fault.text
    assert fault.remedy


@pytest.mark.parametrize(
    ("front", "body", "line", "says"),
    [
        (FRONT.replace('id = "hotline-111"\n', ""), BODY, 2, "`id` is missing"),
        (FRONT.replace("hotline-111", "other"), BODY, 2, "the file is called"),
        (FRONT.replace('"hotline-111"', '"Hot Line"'), BODY, 2, "cannot be used"),
        (FRONT.replace('= "hotline"', '= "law-policy"'), BODY, 3, "the folder is"),
        (FRONT.replace('= "hotline"', '= "news"'), BODY, 3, "no category"),
        (FRONT.replace('title.en = "Call 111"\n', ""), BODY, 4, "has no title"),
        (FRONT.replace("title.vi", "title.VI"), BODY, 4, "no language tag"),
        (FRONT.replace('source = "', 'sauce = "'), BODY, 6, "unknown"),
        (FRONT.replace("+++\n", "+++\nvalid = 2027\n", 1), BODY, 2, "no span"),
        (FRONT.replace("+++\n", "+++\nvalid = { from = 2027-07-02, until = 2027-07-01 }\n", 1), BODY, 2, "ends before"),
        (FRONT.replace("+++\n", "+++\nvalid = { from = 2027-07-02T00:00:00 }\n", 1), BODY, 2, "no date"),
        (FRONT.replace("+++\n", '+++\naudio.hmn = "../x.mp3"\n', 1), BODY, 2, "plain file name"),
        (FRONT.replace("+++\n", '+++\naudio.hmn = "x.mp3"\n', 1), BODY, 2, "no meaning"),
        (FRONT, "Lạc lõng.\n" + BODY, 8, "no section"),
        (FRONT, BODY.replace("## vi sms", "## vi smss"), 11, "no section heading"),
        (FRONT, BODY.replace("## vi sms", "## Tin nhắn của tôi"), 11, "no section heading"),
        (FRONT, BODY.replace("## vi speech", "## vi sms"), 14, "stands twice, first in line 11"),
        (FRONT, BODY + "\n## en sms\n\n", 20, "empty"),
        (FRONT, "", 7, "no text"),
    ],
)
def test_a_fault_of_a_message_is_named_with_its_line(
    tmp_path: Path, front: str, body: str, line: int, says: str
) -> None:
    faults = load(write(tmp_path, front=front, body=body)).faults

    assert [(fault.line, says in fault.text) for fault in faults if says in fault.text] == [(line, True)], faults


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[hotline]", "[Hot.line]", 1, "no fact"),
        ('value = "111"\n', "", 1, "`value` is missing"),
        ('value = "111"', "value = 111", 2, "must be text"),
        ('value = "111"', 'value = "{{ fact.law }}"', 2, "brace"),
        ("verify_by = 2027-12-31", 'verify_by = "2027-12-31"', 7, "no date"),
        ("verify_by = 2027-12-31", "verify_by = 2020-12-31", 7, "before"),
        ("verify_by = 2027-12-31", "verify_until = 2027-12-31", 7, "unknown"),
        ("speech.vi", "speech.Tiếng", 3, "no TOML|not valid TOML"),
    ],
)
def test_a_fault_of_a_fact_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    faults = load(write(tmp_path, facts=FACTS.replace(old, new, 1))).faults

    assert line in [f.line for f in faults if any(s in f.text for s in says.split("|"))], faults


def test_an_empty_facts_file_has_no_facts_and_one_full_of_faults_is_told_in_fifty(tmp_path: Path) -> None:
    empty = load(write(tmp_path, facts=""))
    full = load(write(tmp_path, facts="".join(f"[f{n}]\n" for n in range(5000))))

    assert (empty.facts, empty.faults) == ({}, ())
    assert 50 <= len(full.faults) < 60


def test_one_broken_file_hides_no_other(tmp_path: Path) -> None:
    content = write(tmp_path)
    (content / "hotline" / "broken.md").write_text("nothing", encoding="utf-8")

    library = load(content)

    assert set(library.items) == {"hotline-111"}
    assert [fault.path for fault in library.faults] == ["content/hotline/broken.md"]
    with pytest.raises(Faulty, match=r"broken\.md:1"):
        library.item("broken")
    with pytest.raises(NotFound, match="message list"):
        library.item("none")


def test_two_files_may_not_share_an_id(tmp_path: Path) -> None:
    content = write(tmp_path)
    write(tmp_path, front=FRONT.replace('category = "hotline"', 'category = "law-policy"'), category="law-policy")

    faults = load(content).faults

    assert [(fault.path, "is taken by" in fault.text) for fault in faults] == [
        ("content/law-policy/hotline-111.md", True)
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_pipe_in_place_of_a_file_is_a_fault_and_no_endless_wait(tmp_path: Path) -> None:
    content = write(tmp_path)
    os.mkfifo(content / "hotline" / "pipe.md")
    (content / "facts.toml").unlink()
    os.mkfifo(content / "facts.toml")

    faults = load(content).faults

    assert [fault.text for fault in faults] == ["The file is no ordinary file."] * 2


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    content = write(tmp_path)
    path = content / "hotline" / "hotline-111.md"
    before = load(content).item("hotline-111")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert load(content).item("hotline-111") == before


def test_a_recording_is_hashed_and_its_approved_copy_kept(tmp_path: Path) -> None:
    front = FRONT.replace("+++\n", '+++\naudio.hmn = "x.mp3"\n', 1)
    content = write(tmp_path, front=front, body=BODY + "\n## hmn speech\nHu {{ fact.hotline }}.\n")
    (content / "hotline" / "x.mp3").write_bytes(b"sound")
    library = load(content)

    media, faults = files.read_media(library, library.item("hotline-111"))
    files.keep_media(library, library.item("hotline-111"), media)
    (content / "hotline" / "x.mp3").write_bytes(b"another")

    assert (library.faults, faults) == ((), [])
    assert media["hmn"].mime_type == "audio/mpeg"
    assert files.kept_path(content, sha256=media["hmn"].sha256, name="x.mp3").read_bytes() == b"sound"


@pytest.mark.parametrize("name", ["missing.mp3", "x.exe"])
def test_a_recording_that_cannot_be_used_is_a_fault(tmp_path: Path, name: str) -> None:
    front = FRONT.replace("+++\n", f'+++\naudio.hmn = "{name}"\n', 1)
    content = write(tmp_path, front=front, body=BODY + "\n## hmn speech\nHu {{ fact.hotline }}.\n")
    (content / "hotline" / "x.exe").write_bytes(b"MZ")
    library = load(content)

    media, [fault] = files.read_media(library, library.item("hotline-111"))

    assert media == {}
    assert name in fault.text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_read_without_a_traceback(front: str, body: str) -> None:
    for text in (front, f"+++\n{front}\n+++\n{body}", f'+++\nid = "a"\ncategory = "hotline"\n+++\n## vi\n{body}'):
        message, faults = item.read(text, path="content/hotline/a.md", folder="hotline", slug="a")

        assert message is not None or faults


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(max_size=300), st.text(alphabet=st.sampled_from("[]=\"'\n.a1-#{}"), max_size=100))
def test_any_facts_file_is_read_without_a_traceback(text: str, marks: str) -> None:
    for written in (text, marks):
        try:
            document = parse(written, path="facts.toml")
        except Faulty:
            continue
        known, faults = facts.read(document, written, path="facts.toml")

        assert len(known) + len(faults) >= min(len(document), 50)

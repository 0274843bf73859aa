"""The library in the browser: looking, writing into the same files, submitting, withdrawing, printing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from broadcaster.approval import store as approvals
from broadcaster.config import Config
from broadcaster.content import files
from broadcaster.content.fault import Fault
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws
from broadcaster.web.pages import messages as page
from broadcaster.web.words import english, faults
from broadcaster.web.words import messages as words
from tests.web.desk_people import PASSWORD, Browser

Sign = Callable[..., Any]
ROOT = Path(__file__).parents[2]
HOTLINE = "hotline/hotline-111.md"


@pytest.fixture(autouse=True)
def library(config: Config) -> Path:
    folder = config.path("content")
    shutil.copytree(ROOT / "content", folder, dirs_exist_ok=True)
    return folder


def fields(html: str) -> dict[str, Any]:
    """What a browser would send of the editor's form."""
    found: dict[str, Any] = {"languages": re.findall(r'name="languages" value="([^"]*)"', html)}
    for name, value in re.findall(r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"', html):
        if name not in ("csrf", "languages", "language", "back"):
            found[name] = unescape(value)
    for name, value in re.findall(r'<textarea[^>]*? name="([^"]+)"[^>]*>\n?(.*?)</textarea>', html, re.DOTALL):
        found[name] = unescape(value)
    return found


def opened(browser: Browser, name: str = "hotline-111") -> dict[str, Any]:
    answer = browser.get(f"/messages/{name}/edit")
    assert answer.status_code == 200, answer.text
    return fields(answer.text)


def kinds(database: Database) -> list[str]:
    with database.reading() as connection:
        return [decode(raw)["kind"] for raw in raws(connection)]


# -- looking ----------------------------------------------------------------------------------------------------------


def test_the_list_shows_every_message_and_can_be_narrowed(sign_in: Sign) -> None:
    browser = sign_in("tam")

    whole = browser.get("/messages")
    narrow = browser.get("/messages?category=commendation")

    assert whole.text.count('href="/messages/') == 25 + whole.text.count("/messages/new")
    assert "hotline-111" in whole.text
    assert "hotline-111" not in narrow.text
    assert "thanks-community" in narrow.text


def test_a_message_is_shown_as_each_reader_will_see_it(sign_in: Sign) -> None:
    answer = sign_in("minh").get("/messages/hotline-111")

    assert answer.status_code == 200
    assert '<figure class="look phone">' in answer.text
    assert '<figure class="look poster">' in answer.text
    assert "Đọc một lượt khoảng" in answer.text
    assert "Tổng đài quốc gia, số một một một" in answer.text
    assert "{{ fact." not in answer.text


def test_the_letters_that_cost_are_marked_and_parts_are_apart() -> None:
    parts = page.bubbles("Gọi " + "a" * 80)

    assert len(parts) == 2
    assert parts[0][:3] == [("G", False), ("ọ", True), ("i " + "a" * 63, False)]


def test_a_file_that_cannot_be_read_says_where_and_what_to_do(sign_in: Sign, library: Path) -> None:
    (library / HOTLINE).write_text("không có đầu\n", encoding="utf-8")

    answer = sign_in("lan").get("/messages/hotline-111")

    assert answer.status_code == 200
    assert "content/hotline/hotline-111.md" in answer.text
    assert "không có đầu" in answer.text


# -- writing ----------------------------------------------------------------------------------------------------------


def test_opening_and_saving_changes_nothing_in_any_file_of_the_library(
    sign_in: Sign, library: Path, app: FastAPI
) -> None:
    browser = sign_in("nga")
    before = {path: path.read_bytes() for path in library.rglob("*.md")}

    for path in before:
        answer = browser.submit(f"/messages/{path.stem}/edit", action="save", **opened(browser, path.stem))
        assert "Không có gì thay đổi" in answer.text, path

    assert {path: path.read_bytes() for path in before} == before
    assert "message.edit" not in kinds(app.state.desk.database)


def test_saving_writes_only_the_changed_lines_and_says_who_wrote(sign_in: Sign, library: Path, app: FastAPI) -> None:
    browser = sign_in("nga")
    path = library / HOTLINE
    head = 'id = "hotline-111"  # giữ nguyên'
    path.write_text(path.read_text(encoding="utf-8").replace('id = "hotline-111"', head), encoding="utf-8")
    before = path.read_text(encoding="utf-8").splitlines()
    typed = opened(browser)

    typed["text.vi.sms"] = "Cần hỏi? Gọi {{ fact.hotline_trafficking }}, miễn phí."
    answer = browser.submit("/messages/hotline-111/edit", action="save", **typed)

    after = path.read_text(encoding="utf-8").splitlines()
    assert "Đã lưu hotline-111" in answer.text
    assert [one for one in after if one not in before] == [typed["text.vi.sms"]]
    assert len(before) == len(after)
    assert head in after
    assert kinds(app.state.desk.database)[-1] == "message.edit"


def test_whoever_edited_may_not_approve(sign_in: Sign, app: FastAPI, config: Config) -> None:
    author, editor = sign_in("lan"), sign_in("nga")
    typed = opened(editor)
    typed["text.vi.sms"] = "Gọi {{ fact.hotline_trafficking }}, miễn phí."

    editor.submit("/messages/hotline-111/edit", action="save", **typed)
    author.submit("/messages/hotline-111/submit")

    with app.state.desk.database.reading() as connection:
        waiting = approvals.open_(connection, "revision", "hotline-111")
    assert waiting is not None
    assert waiting.submitted_by == "lan"
    assert "nga" in waiting.editors


def test_two_people_at_once_lose_nothing(sign_in: Sign, library: Path) -> None:
    first, second = sign_in("lan"), sign_in("nga")
    hers, his = opened(first), opened(second)
    hers["text.vi.sms"], his["text.vi.sms"] = "Bản của Lan.", "Bản của Nga."

    first.submit("/messages/hotline-111/edit", action="save", **hers)
    refused = second.submit("/messages/hotline-111/edit", action="save", **his)
    kept = (library / HOTLINE).read_text(encoding="utf-8")
    again = second.submit("/messages/hotline-111/edit", action="save", **fields(refused.text))

    assert refused.status_code == 409
    assert "Bản của Nga." in refused.text
    assert "<del>" in refused.text
    assert "Bản của Lan." in kept
    assert "Đã lưu" in again.text
    assert "Bản của Nga." in (library / HOTLINE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "typed", ["## vi chat\nlén", "+++", "#", "\x00\u200b", "{{ fact.nothing }}", "<script>alert(1)</script>"]
)
def test_whatever_is_typed_comes_back_or_is_saved_just_so(sign_in: Sign, library: Path, typed: str) -> None:
    browser = sign_in("nga")
    form = opened(browser)
    form["text.en.poster"] = typed

    answer = browser.submit("/messages/hotline-111/edit", action="save", **form)

    item = files.load(library).items["hotline-111"]
    saved = item.forms("en").get("poster", "")
    clean = typed.replace("\x00", "")
    assert answer.status_code in (200, 400)
    assert saved == clean if answer.status_code == 200 else fields(answer.text)["text.en.poster"] == clean
    assert item.forms("vi")["chat"].startswith("Thấy dấu hiệu")
    assert "<script>alert" not in answer.text


def test_a_fault_stands_beside_its_text_before_anything_is_saved(sign_in: Sign, library: Path) -> None:
    browser = sign_in("nga")
    before = (library / HOTLINE).read_bytes()
    typed = opened(browser)
    typed["text.vi.chat"] = "Gọi 0912 345 678."

    answer = browser.submit("/messages/hotline-111/edit", action="look", **typed)

    beside = answer.text.split('data-look="vi.chat"')[1].split("</div>")[0]
    assert "giống số điện thoại" in beside
    assert "Chưa lưu" in answer.text
    assert (library / HOTLINE).read_bytes() == before


def test_a_part_of_the_page_is_shown_as_it_is_typed(sign_in: Sign) -> None:
    browser = sign_in("nga")
    typed = opened(browser)
    typed["text.vi.sms"] = "Gọi {{ fact.hotline_trafficking }} ngay."

    answer = browser.submit("/messages/hotline-111/look", **typed)

    assert "Gọi 111 ngay." in re.sub(r"</?mark>", "", answer.text)
    assert "<html" not in answer.text


def test_a_wrong_day_brings_the_form_back(sign_in: Sign) -> None:
    browser = sign_in("nga")
    typed = opened(browser)
    typed |= {"from": "mai", "text.vi.sms": "Chữ đã gõ."}

    answer = browser.submit("/messages/hotline-111/edit", action="save", **typed)

    assert answer.status_code == 400
    assert "Chữ đã gõ." in answer.text


def test_what_was_typed_stays_when_the_file_breaks_meanwhile(sign_in: Sign, library: Path) -> None:
    browser = sign_in("nga")
    typed = opened(browser)
    typed["text.vi.sms"] = "Chữ đã gõ."
    (library / HOTLINE).write_text("hỏng", encoding="utf-8")

    answer = browser.submit("/messages/hotline-111/edit", action="save", **typed)

    assert "Chữ đã gõ." in answer.text
    assert (library / HOTLINE).read_text(encoding="utf-8") == "hỏng"


def test_a_new_message_is_written_and_a_language_added(sign_in: Sign, library: Path) -> None:
    browser = sign_in("nga")
    typed = fields(browser.get("/messages/new").text)
    typed |= {
        "category": "hotline",
        "id": "goi-111",
        "source": 'Nguồn "A"',
        "title.vi": "Gọi 111",
        "text.vi.text": "Xin chào.",
    }

    more = browser.submit(
        "/messages/new",
        action="language",
        language_new="hmn",
        **{k: v for k, v in typed.items() if k != "language_new"},
    )
    typed = fields(more.text) | {"category": "hotline", "text.hmn.text": "Nyob zoo.", "title.hmn": "Hu 111"}
    saved = browser.submit("/messages/new", action="save", **typed)
    taken = browser.submit("/messages/new", action="save", **typed)

    item = files.load(library).items["goi-111"]
    assert "Đã lưu goi-111" in saved.text
    assert item.source == 'Nguồn "A"'
    assert item.languages == ("vi", "hmn")
    assert taken.status_code == 409
    assert "Nyob zoo." in taken.text


@pytest.mark.parametrize("id_", ["../../config", "new", "Hoa", "a/b", ""])
def test_a_message_lies_nowhere_but_in_its_folder(sign_in: Sign, library: Path, id_: str) -> None:
    browser = sign_in("nga")
    before = sorted(library.parent.rglob("*"))

    answer = browser.submit("/messages/new", action="save", category="hotline", id=id_, source="A", languages=["vi"],
                            opened="", **{"title.vi": "B", "text.vi.text": "Chữ."})  # fmt: skip

    assert answer.status_code in (400, 409)
    assert "Chữ." in answer.text
    assert sorted(library.parent.rglob("*")) == before


def test_only_authors_write(sign_in: Sign, library: Path) -> None:
    before = (library / HOTLINE).read_bytes()

    for name in ("minh", "hoa", "tam", "quan"):
        browser = sign_in(name)
        assert browser.get("/messages/hotline-111/edit").status_code == 403
        assert browser.submit("/messages/hotline-111/edit", action="save", languages="vi").status_code == 403

    assert (library / HOTLINE).read_bytes() == before


# -- submitting, withdrawing, printing --------------------------------------------------------------------------------


def test_a_faulty_message_is_not_submitted(sign_in: Sign, library: Path, app: FastAPI) -> None:
    path = library / HOTLINE
    path.write_text(
        path.read_text(encoding="utf-8").replace("## vi\n", "## vi\n\nGọi 0912 345 678.\n", 1), encoding="utf-8"
    )

    answer = sign_in("lan").submit("/messages/hotline-111/submit")

    assert answer.status_code == 400
    assert "message.submit" not in kinds(app.state.desk.database)


def test_submitted_approved_printed_edited_and_withdrawn(sign_in: Sign, app: FastAPI) -> None:
    author, approver = sign_in("lan"), sign_in("minh")

    author.submit("/messages/hotline-111/submit")
    shown = approver.get("/approvals/revision/hotline-111").text
    expected = re.findall(r'name="expected" value="([0-9a-f]{64})"', shown)[0]
    ticks = {f"check_{n}": "yes" for n in range(6)}
    approver.submit("/approvals/revision/hotline-111/approve", expected=expected, password=PASSWORD, **ticks)
    printed = author.submit("/messages/hotline-111/print", kind="poster", tongue="vi", paper="a4")
    typed = opened(author)
    typed["text.vi.sms"] = "Gọi {{ fact.hotline_trafficking }} ngay."
    author.submit("/messages/hotline-111/edit", action="save", **typed)
    edited = author.get("/messages/hotline-111").text
    pictures = [author.get(f"/picture/{kind}/vi/hotline-111") for kind in ("poster", "board", "leaflet")]
    assert [one.status_code for one in pictures] == [200, 200, 404]
    assert all(one.content.startswith(b"\x89PNG") for one in pictures[:2])
    withdrawn = approver.submit("/messages/hotline-111/withdraw", reason="Số điện thoại sắp đổi")

    assert printed.content.startswith(b"%PDF")
    assert "print.make" in kinds(app.state.desk.database)
    assert "<ins>" in edited
    assert "Đã rút hotline-111" in withdrawn.text
    assert "Số điện thoại sắp đổi" in withdrawn.text
    assert author.submit("/messages/hotline-111/print", kind="poster", tongue="vi", paper="a4").status_code == 409


# -- words ------------------------------------------------------------------------------------------------------------


def test_every_word_of_the_tables_has_its_english() -> None:
    tables = (words.FORMS, words.HINTS, words.FILE, words.STALE, words.PRINTS)

    missing = [said for one in tables for said in one.values() if said not in english()]

    assert missing == []


def test_faults_that_have_a_vietnamese_sentence_are_said_somewhere_in_the_house() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "broadcaster" / "content").rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", source).replace('\\"', '"')

    gone = [
        said
        for said in faults.VI
        if max(re.split(r"[{}]+", said), key=len).removeprefix("It quotes a fact, and ") not in joined
    ]

    assert gone == []


def test_a_fault_keeps_its_values_in_vietnamese() -> None:
    said = faults.translate(
        Fault(
            path="x",
            text="'111' is typed by hand.",
            remedy="Write {{ fact.a }}: a changed number then fills in by itself.",
        )
    )

    assert said == "'111' được gõ tay. Chèn {{ fact.a }}: khi số đổi, chương trình tự điền."


def test_the_speech_form_is_read_by_the_machine_to_listen_to(sign_in: Sign) -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("lameenc")
    browser = sign_in("lan")

    page = browser.get("/messages/hotline-111")
    sound = browser.get("/messages/hotline-111/speech/vi")
    none = browser.get("/messages/hotline-111/speech/en")

    assert 'src="/messages/hotline-111/speech/vi"' in page.text
    assert sound.headers["content-type"] == "audio/mpeg"
    assert len(sound.content) > 10_000
    assert none.status_code == 404

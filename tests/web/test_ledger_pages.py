"""The ledger in the browser: found, proved, checked, signed and taken along, by the same functions as the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.ledger import check, checkpoint, search
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.web.words.ledger import KINDS
from broadcaster.web.work import KEPT_FOR
from tests.web.desk_people import PASSWORD

Sign = Callable[..., Any]
VERIFY = Path(check.__file__).with_name("verify.py")


@pytest.fixture(autouse=True)
def public_key(config: Config) -> str:
    return checkpoint.generate(config.path("secrets/ledger.key")).hex()


@pytest.fixture
def filled(sqlite_database: Database, clock: SteppedClock) -> Database:
    """A hundred and twenty reminders after the people's own entries, a day between the first sixty and the rest."""
    for batch in range(2):
        with transaction(sqlite_database, clock) as tx:
            for n in range(60):
                tx.record(Kind.BULLETIN_REMIND, "hoa", communes=["tam-chung"], n=batch * 60 + n)
        clock.move_by(timedelta(days=1))
    return sqlite_database


def kinds(database: Database) -> list[str]:
    with database.reading() as connection:
        return [decode(raw)["kind"] for raw in raws(connection)]


def alone(*words: str) -> subprocess.CompletedProcess[str]:
    """verify.py as an auditor runs it, without this project."""
    return subprocess.run([sys.executable, "-I", str(VERIFY), *words], capture_output=True, text=True, check=False)


def test_the_newest_entries_come_first_and_older_ones_a_page_further(sign_in: Sign, filled: Database) -> None:
    browser = sign_in("tam")

    first = browser.get("/ledger?kind=bulletin.remind")
    next_page = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = browser.get(next_page)
    third = browser.get(second.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&"))

    assert [page.text.count(">n: ") + page.text.count(", n: ") for page in (first, second, third)] == [50, 50, 20]
    assert "n: 119" in first.text
    assert "n: 0<" in third.text


@pytest.mark.parametrize(("query", "found"), [
    ("kind=bulletin", 120), ("actor=hoa&kind=bulletin.remind", 120), ("actor=minh&kind=bulletin.remind", 0),
    ("kind=user.add", 7), ("kind=nothing", 0),
])  # fmt: skip
def test_entries_are_found_by_kind_and_by_who(filled: Database, query: str, found: int) -> None:
    from urllib.parse import parse_qsl

    with filled.reading() as connection:
        pages = search.find(connection, search.Wanted(**dict(parse_qsl(query))), limit=1000)

    assert len(pages.entries) == (found if query != "kind=user.add" else 0)


def test_entries_are_found_by_their_day_in_the_office_s_zone(
    sign_in: Sign, filled: Database, clock: SteppedClock
) -> None:
    browser = sign_in("tam")
    with filled.reading() as connection:
        last = decode(search.raw(connection, 70))["ts"][:10]

    page = browser.get(f"/ledger?kind=bulletin.remind&day={last}")
    other = browser.get("/ledger?kind=bulletin.remind&day=2020-01-01")

    assert "n: 119" in page.text or "n: 59" in page.text
    assert "Không có mục nào như vậy." in other.text


def test_a_long_search_stops_and_says_where_to_go_on(database: Database, clock: SteppedClock) -> None:
    for day in range(3):
        with transaction(database, clock) as tx:
            for n in range(40):
                tx.record(Kind.BULLETIN_REMIND, "hoa", communes=["x"], b=10 + day, n=n)
        clock.move_by(timedelta(days=1))
    start = clock.now() - timedelta(days=3)
    day = search.Wanted(since=start + timedelta(days=1), until=start + timedelta(days=2))

    with database.reading() as connection:
        first = search.find(connection, search.Wanted(broadcast=10), most=50)
        rest = search.find(connection, search.Wanted(broadcast=10), before=first.before, most=200)
        within = search.find(connection, day, limit=100)
        nothing = search.find(connection, search.Wanted(broadcast=1), most=200)

    assert (first.entries, first.before) == ((), 70)
    assert ([one["n"] for one in rest.entries], rest.before) == (list(range(39, -1, -1)), None)
    assert [one["b"] for one in within.entries] == [11] * 40
    assert nothing == search.Found(entries=(), before=None)


@pytest.mark.parametrize("query", ["day=abc", "broadcast=12", "before=x", "before=-1", "day=0001-01-01", "day=9999-12-31",
                                   "kind=%00", "actor=%22%5c", "before=999999999999999"])  # fmt: skip
def test_nonsense_is_answered_with_a_page(sign_in: Sign, filled: Database, query: str) -> None:
    assert sign_in("tam").get(f"/ledger?{query}").status_code == 200


def test_one_entry_is_shown_as_it_was_hashed_and_what_is_not_there_is_not_found(
    sign_in: Sign, filled: Database
) -> None:
    browser = sign_in("tam")

    page = browser.get("/ledger/entries/70")

    with filled.reading() as connection:
        raw = search.raw(connection, 70).decode()
    assert raw.replace('"', "&#34;") in page.text
    assert {browser.get(f"/ledger/entries/{one}").status_code for one in ("99999", "x", "9" * 40, "-1")} == {404}


def test_a_proof_is_one_that_a_stranger_s_verifier_accepts(
    sign_in: Sign, filled: Database, tmp_path: Path, public_key: str
) -> None:
    browser = sign_in("tam")

    proof = browser.submit("/ledger/entries/70/proof")

    file = tmp_path / "proof.json"
    file.write_bytes(proof.content)
    good = alone("--proof", str(file), "--key", public_key)
    file.write_text(
        json.dumps({**proof.json(), "entry": proof.json()["entry"].replace("hoa", "lan")}), encoding="utf-8"
    )
    assert good.returncode == 0, good.stderr + good.stdout
    assert alone("--proof", str(file), "--key", public_key).returncode == 1
    assert proof.headers["content-disposition"] == 'attachment; filename="proof-70.json"'


def test_the_check_runs_beside_the_pages_and_its_result_stays(sign_in: Sign, app: Any, filled: Database) -> None:
    browser = sign_in("tam")

    browser.submit("/ledger/check")
    app.state.works.wait("check")
    page = browser.get("/ledger/check")

    assert "Nhật ký đúng" in page.text
    assert "refresh" not in page.text


def test_a_changed_entry_is_found_out_on_the_page(sign_in: Sign, app: Any, filled: Database) -> None:
    browser = sign_in("tam")
    with filled.writing() as connection:
        for name in connection.scalars(
            text("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='ledger_entry'")
        ).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(
            text("UPDATE ledger_entry SET raw = CAST(replace(raw, 'tam-chung', 'tam-chinh') AS BLOB) WHERE seq = 70")
        )

    browser.submit("/ledger/check")
    app.state.works.wait("check")

    assert "Nhật ký KHÔNG đúng" in browser.get("/ledger/check").text


def test_a_check_that_is_going_on_is_not_begun_twice(sign_in: Sign, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from broadcaster.web.pages import ledger

    go = threading.Event()
    monkeypatch.setattr(ledger, "check_ledger", lambda work, **_: go.wait(10))  # noqa: ARG005
    browser = sign_in("tam")

    first = browser.submit("/ledger/check")
    again = browser.submit("/ledger/check")
    elsewhere = browser.get("/ledger").status_code
    go.set()
    app.state.works.wait("check")

    assert "Đang kiểm tra" in first.text
    assert '<meta http-equiv="refresh"' in first.text
    assert again.status_code == 409
    assert elsewhere == 200


def test_a_checkpoint_is_signed_listed_and_downloaded(sign_in: Sign, filled: Database) -> None:
    browser = sign_in("tam")

    listed = browser.submit("/ledger/checkpoints")
    size = listed.text.split('href="/ledger/checkpoints/')[1].split('"')[0]
    note = browser.get(f"/ledger/checkpoints/{size}")

    assert note.text.splitlines()[1] == size
    assert browser.get("/ledger/checkpoints/3").status_code == 404


def test_the_bundle_needs_the_password_again_and_holds_what_verify_accepts(
    sign_in: Sign, app: Any, filled: Database, tmp_path: Path, public_key: str, clock: SteppedClock
) -> None:
    browser, other = sign_in("tam"), sign_in("lan")

    refused = browser.submit("/ledger/export", password="wrong")
    nothing = browser.get("/ledger/export/file")
    before = kinds(filled).count("ledger.export")
    browser.submit("/ledger/export", password=PASSWORD)
    app.state.works.wait("export")
    page, file = browser.get("/ledger/export"), browser.get("/ledger/export/file")
    strange = other.get("/ledger/export/file")
    folder = app.state.works.get("export", now=clock.now()).folder
    clock.move_by(KEPT_FOR * 2)
    again = sign_in("tam").get("/ledger/export/file")

    with zipfile.ZipFile(io.BytesIO(file.content)) as bundle:
        bundle.extractall(tmp_path / "out")
    verified = alone(str(tmp_path / "out" / "ledger"), "--key", public_key)
    assert (refused.status_code, nothing.status_code, before) == (403, 404, 0)
    assert "Tệp đã sẵn sàng" in page.text
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert (tmp_path / "out" / "ledger" / "check.html").is_file()
    assert kinds(filled).count("ledger.export") == 1
    assert strange.status_code == 409
    assert (again.status_code, folder.exists()) == (404, False)


def test_how_to_check_it_alone_is_said_in_both_languages(sign_in: Sign, public_key: str) -> None:
    browser = sign_in("tam")

    vietnamese = browser.get("/ledger/how").text
    browser.cookies.set("language", "en")
    english = browser.get("/ledger/how").text

    assert public_key in vietnamese
    assert "Xin khóa công khai của cơ quan trên giấy có dấu" in vietnamese
    assert "Ask for the office&#39;s public key on stamped paper" in english


def test_every_kind_of_entry_has_its_words() -> None:
    assert set(KINDS) == {str(kind) for kind in Kind}

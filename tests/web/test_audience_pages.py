"""The audience at the desk: a list brought in step by step, one person found, opted out, erased, and a complaint answered."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from broadcaster.audience import upload
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.web.pages import audience
from broadcaster.web.store import BROADCAST, DISPATCH, REVISION
from broadcaster.web.words import english
from tests.builders import make_ground
from tests.web.desk_people import PASSWORD

Sign = Callable[..., Any]
LIST = (
    "Người liên hệ,Di động,Ghi chú,xã\nLan Anh,0912 345 678,hay hỏi,Pù Nhi\nMinh,091,,Nhi Sơn\n"
    "Hòa,0987654321,,Pù Nhi\n"
)  # fmt: skip


def kinds(database: Database) -> list[str]:
    with database.reading() as connection:
        return [decode(raw)["kind"] for raw in raws(connection)]


def upload_list(browser: Any, text: str = LIST, name: str = "bà con.csv") -> Any:
    files = {"list": (name, io.BytesIO(text.encode()), "text/csv")}
    return browser.post("/audience/import", data={"csrf": browser.csrf()}, files=files)


def bring_in(browser: Any, **values: str) -> Any:
    path = upload_list(browser).url.path
    given = {"column_0": "name", "column_1": "phone", "column_2": "", "column_3": "commune", "group_new": "ba-con",
             "consent_source": "phiếu đăng ký", "consent_date": "2027-05-15"}  # fmt: skip
    return browser.submit(path, **(given | values))


def found(browser: Any, number: str = "0912345678") -> Any:
    return browser.submit("/audience/find", address=number)


def test_a_list_is_brought_in_in_steps_and_refused_rows_can_be_downloaded(sign_in: Sign, config: Config) -> None:
    browser = sign_in("hoa")

    preview = upload_list(browser)
    result = browser.submit(
        preview.url.path, column_0="name", column_1="phone", column_2="", column_3="commune", group_new="ba-con",
        consent_source="phiếu đăng ký", consent_date="2027-05-15",
    )  # fmt: skip
    rejects = browser.get(f"{preview.url.path}/rejects")

    assert "Lan Anh" in preview.text
    assert re.search(r'value="phone" selected', preview.text)
    assert re.search(r'<p class="figure">2</p><p>dòng được nhận', result.text)
    assert "091," not in rejects.text
    assert rejects.text.splitlines()[1].startswith("3,phone,")
    assert not list(config.path("uploads").glob("*/list"))
    assert "ba-con" in browser.get("/audience").text


def test_what_was_chosen_comes_back_when_two_columns_are_the_same(sign_in: Sign) -> None:
    answer = bring_in(sign_in("hoa"), column_2="phone")

    assert answer.status_code == 400
    assert 'value="ba-con"' in answer.text
    assert len(re.findall(r'value="phone" selected', answer.text)) == 2


def test_a_list_belongs_to_whoever_uploaded_it_and_is_gone_after_a_day(
    sign_in: Sign, config: Config, clock: SteppedClock
) -> None:
    hers = upload_list(sign_in("hoa")).url.path
    other = sign_in("lan")

    strange = other.get(hers)
    clock.move_by(timedelta(days=1, minutes=1))
    upload_list(sign_in("lan"))

    assert strange.status_code == 404
    assert [place.name for place in config.path("uploads").iterdir()] != []
    assert not (config.path("uploads") / hers.rsplit("/", 1)[1]).exists()


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_list_is_refused_in_words(sign_in: Sign, text: str) -> None:
    answer = upload_list(sign_in("hoa"), text)

    assert answer.status_code == 400


def test_a_list_that_is_too_large_leaves_nothing_behind(
    sign_in: Sign, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "FILE_MOST", 10)

    answer = upload_list(sign_in("hoa"))

    assert answer.status_code == 400
    assert list(config.path("uploads").iterdir()) == []


def test_a_file_name_is_never_a_path(sign_in: Sign, config: Config) -> None:
    upload_list(sign_in("hoa"), name="../../../x.csv")

    assert [path.name for path in config.path("uploads").glob("*/list/*")] == ["x.csv"]


def test_a_person_is_found_by_number_and_shown_masked(sign_in: Sign) -> None:
    browser = sign_in("hoa")
    bring_in(browser)

    answer = found(browser)

    assert "Lan Anh" in answer.text
    assert "0912345678" not in answer.text
    assert "912345678" not in answer.text
    assert "912345678" not in str(answer.url)
    assert found(browser, "0911111111").status_code == 404


def test_a_person_opts_out_and_the_answer_to_their_complaint_proves_it(sign_in: Sign, app: Any) -> None:
    browser = sign_in("hoa")
    bring_in(browser)
    path = found(browser).url.path

    browser.submit(f"{path}/opt-out", reason="complaint")
    answer = browser.submit("/audience/answer", address="0912 345 678")
    term = browser.get(f"{answer.url.path}?received=2027-06-25&days=15")

    database = app.state.desk.database
    seq = kinds(database).index("contact.opt_out")
    assert f"/ledger/{seq}" in answer.text
    assert "phiếu đăng ký" in answer.text
    assert "Khiếu nại" in answer.text
    assert "Còn 9 ngày." in term.text


def test_an_unknown_number_is_kept_out_and_answered_too(sign_in: Sign) -> None:
    browser = sign_in("quan")

    before = browser.submit("/audience/answer", address="0911111111")
    browser.submit("/audience/opt-out", address="0911111111", reason="wrong_person")
    after = browser.submit("/audience/answer", address="0911111111")

    assert "không có trong danh bạ" in before.text
    assert "Nhầm người" in after.text
    assert "911111111" not in after.text


def test_erasing_takes_the_password_and_a_tick(sign_in: Sign, app: Any) -> None:
    browser = sign_in("hoa")
    bring_in(browser)
    path = found(browser).url.path

    without_tick = browser.submit(f"{path}/erase", password=PASSWORD)
    without_password = browser.submit(f"{path}/erase", sure="yes", password="sai")
    still = browser.get(path).status_code
    erased = browser.submit(f"{path}/erase", sure="yes", password=PASSWORD)

    assert (without_tick.status_code, without_password.status_code, still) == (400, 403, 200)
    assert "Đã xóa dữ liệu" in erased.text
    assert browser.get(path).status_code == 404
    assert "contact.erase" in kinds(app.state.desk.database)


def test_a_group_is_counted_and_listed_in_pages(sign_in: Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = sign_in("hoa")
    bring_in(browser)
    monkeypatch.setattr(audience, "PAGE", 1)

    first = browser.get("/audience/group?name=ba-con&kind=phone")
    after = re.search(r"after=(\d+)", first.text)
    assert after is not None
    second = browser.get(f"/audience/group?name=ba-con&after={after[1]}")

    assert "Lan Anh" in first.text
    assert "Hòa" not in first.text
    assert "Hòa" in second.text
    assert browser.get("/audience/group?name=nowhere").status_code == 404


def test_a_group_whose_name_accuses_is_refused(sign_in: Sign) -> None:
    answer = sign_in("hoa").submit("/audience/groups", name="nạn nhân mua bán người")

    assert answer.status_code == 400


def test_the_tables_of_these_pages_have_their_english() -> None:
    said = [*audience.COLUMN_WORDS.values(), *audience.REFUSED.values(), *audience.SOURCES.values()]

    assert [one for one in said if one not in english()] == []


def test_nothing_of_a_list_is_written_where_others_read(sign_in: Sign, config: Config) -> None:
    upload_list(sign_in("hoa"))

    modes = {path.stat().st_mode & 0o077 for path in Path(config.path("uploads")).glob("*/list/*")}

    assert modes == {0}


def test_the_answer_says_what_was_sent_when_and_by_whose_approval_and_nothing_that_never_left(
    sign_in: Sign, app: Any
) -> None:
    desk = app.state.desk
    with transaction(desk.database, desk.clock) as tx:
        number = make_ground(tx, 2, said="Gọi 111 khi cần")
        revision = tx.connection.scalar(select(REVISION.c.hash))
        tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == number).values(revision_hash=revision))
        for address in (1, 2):
            tx.connection.execute(
                insert(DISPATCH).values(
                    broadcast_id=number, channel="sms", address_id=address, edition="", language="vi", state="planned",
                    attempts=0, uncounted=0,
                )
            )  # fmt: skip
        first = update(DISPATCH).where(DISPATCH.c.address_id == 1)
        tx.connection.execute(first.values(state="sending", attempts=1, sent_at=tx.now))
        tx.connection.execute(first.values(state="accepted"))
    browser = sign_in("tam")

    got = browser.get("/audience/contacts/1/answer").text
    nothing = browser.get("/audience/contacts/2/answer").text

    assert "Gọi 111 khi cần" in got
    assert "01/07/2027 08:00" in got
    assert "Nội dung: minh" in got
    assert "Việc gửi: minh" in got
    assert "900000000" not in got
    assert "Chưa có gì rời khỏi hệ thống" in nothing

"""Administration in the browser: people, sessions, keys for programs, channels and settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from broadcaster.access import store as users
from broadcaster.access import token
from broadcaster.access.user import NEEDS_SECOND_LOOK, Act, Role
from broadcaster.channel import provider_item
from broadcaster.clock import SteppedClock
from broadcaster.config import ChannelCommon, Config, load, sentences
from broadcaster.db.engine import Database
from broadcaster.errors import NotAllowed
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.web import settings
from broadcaster.web.words import admin as words
from broadcaster.web.words import english
from broadcaster.web.words import settings as meanings
from tests.web.desk_people import PASSWORD, Browser

Sign = Callable[..., Any]
PATHS = ("/admin", "/admin/users", "/admin/users/lan", "/admin/sessions", "/admin/tokens", "/admin/settings")


def told_once(html: str) -> str:
    return re.findall(r'class="once mono">([^<]+)<', html)[0]


def entries(database: Database) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [decode(raw) for raw in raws(connection)]


@pytest.mark.parametrize("path", PATHS)
def test_only_an_admin_sees_the_administration(sign_in: Sign, path: str) -> None:
    assert sign_in("quan").get(path).status_code == 200
    for name in ("lan", "minh", "hoa", "tam"):
        assert sign_in(name).get(path).status_code == 403


# -- people -----------------------------------------------------------------------------------------------------------


def test_a_new_person_gets_a_password_once_and_must_change_it(sign_in: Sign, app: FastAPI) -> None:
    admin = sign_in("quan")

    made = admin.submit("/admin/users", name="thu", role=["author", "operator"], password=PASSWORD)
    secret = told_once(made.text)
    with Browser(app, base_url="http://127.0.0.1") as browser:
        first = browser.post("/login", data={"name": "thu", "password": secret})

    assert first.url.path == "/login/password"
    assert secret not in admin.get("/admin/users").text
    assert secret not in str(entries(app.state.desk.database))


def test_a_wrong_password_adds_nobody_and_keeps_what_was_typed(sign_in: Sign, app: FastAPI) -> None:
    answer = sign_in("quan").submit("/admin/users", name="thu", role=["auditor"], password="không phải mật khẩu")

    with app.state.desk.database.reading() as connection:
        assert users.find(connection, "thu") is None
    assert answer.status_code == 403
    assert 'value="thu"' in answer.text
    assert 'value="auditor" checked' in answer.text
    assert "không phải mật khẩu" not in answer.text


def test_nobody_gives_themselves_a_role_that_decides(sign_in: Sign, app: FastAPI) -> None:
    answer = sign_in("quan").submit("/admin/users/quan/roles", role=["admin", "approver"], password=PASSWORD)

    with app.state.desk.database.reading() as connection:
        assert users.get(connection, "quan").roles == {"admin"}
    assert answer.status_code == 403


def test_roles_change_and_the_last_admin_stays(sign_in: Sign, app: FastAPI) -> None:
    admin = sign_in("quan")

    changed = admin.submit("/admin/users/nga/roles", role=["auditor"], password=PASSWORD)
    stays = admin.submit("/admin/users/quan/disable", password=PASSWORD)

    with app.state.desk.database.reading() as connection:
        assert users.get(connection, "nga").roles == {"auditor"}
        assert not users.get(connection, "quan").disabled
    assert "Đã đổi tài khoản nga" in changed.text
    assert stays.status_code == 409


def test_a_disabled_person_is_out_at_once_and_a_reset_lets_them_in(sign_in: Sign, app: FastAPI) -> None:
    admin, gone = sign_in("quan"), sign_in("hoa")

    admin.submit("/admin/users/hoa/disable", password=PASSWORD)
    out = gone.get("/", follow_redirects=False)
    secret = told_once(admin.submit("/admin/users/hoa/reset", password=PASSWORD).text)
    with Browser(app, base_url="http://127.0.0.1") as browser:
        again = browser.post("/login", data={"name": "hoa", "password": secret})

    assert out.headers["location"].startswith("/login")
    assert again.url.path == "/login/password"


@pytest.mark.parametrize("step", ["roles", "reset", "disable", "factor", "unlock"])
def test_each_step_about_a_person_asks_for_the_password_again(sign_in: Sign, app: FastAPI, step: str) -> None:
    admin = sign_in("quan")
    before = len(entries(app.state.desk.database))

    answer = admin.submit(
        f"/admin/users/lan/{step}", role=["auditor"], label="x", days="5", act=["report.make"], password="nope"
    )

    after = [entry["kind"] for entry in entries(app.state.desk.database)[before:]]
    assert answer.status_code == 403
    assert after == ["user.refused"]


# -- two admins -------------------------------------------------------------------------------------------------------


@pytest.fixture
def second(app: FastAPI, clock: SteppedClock) -> str:
    """Another admin, so that a say is given by two."""
    with transaction(app.state.desk.database, clock) as tx:
        users.add(tx, name="bac", roles=frozenset({Role.ADMIN}), password=PASSWORD, actor="console:t")
    return "bac"


def request_of(page: str) -> str:
    return re.findall(r'action="/admin/requests/(\d+)"', page)[0]


def test_an_approver_is_made_by_two_admins_and_each_has_half_of_the_password(
    sign_in: Sign, app: FastAPI, second: str
) -> None:
    first, other = sign_in("quan"), sign_in(second)

    asked = first.submit("/admin/users", name="thu", role=["approver"], password=PASSWORD)
    with app.state.desk.database.reading() as connection:
        assert users.find(connection, "thu") is None
    own_page, page = first.get("/admin/users").text, other.get("/admin/users").text
    done = other.submit(f"/admin/requests/{request_of(page)}", password=PASSWORD)
    secrets = [told_once(asked.text), told_once(done.text)]
    signs_in = [
        Browser(app, base_url="http://127.0.0.1").post("/login", data={"name": "thu", "password": one}).status_code
        for one in (*secrets, "".join(secrets))
    ]

    assert signs_in == [403, 403, 200]
    assert "/admin/requests/" not in own_page
    assert "Thêm thu: Người phê duyệt" in page
    added = next(entry for entry in entries(app.state.desk.database) if entry.get("user") == "thu")
    assert (added["actor"], added["asked_by"], "alone" in added) == (second, "quan", False)


@pytest.mark.parametrize(("path", "values"), [
    ("/admin/users/lan/roles", {"role": ["author", "approver"]}), ("/admin/users/tam/roles", {"role": ["admin"]}),
    ("/admin/users/minh/reset", {}), ("/admin/users/bac/reset", {}), ("/admin/users/minh/factor", {}),
    ("/admin/users/bac/roles", {"role": ["auditor"]}), ("/admin/users/hoa/reset", {}),
])  # fmt: skip
def test_one_admin_alone_gives_and_takes_over_no_say(
    sign_in: Sign, app: FastAPI, second: str, path: str, values: dict[str, Any]
) -> None:
    admin = sign_in("quan")
    before = len(entries(app.state.desk.database))

    for _ in range(2):
        admin.submit(path, password=PASSWORD, **values)

    kinds = [entry["kind"] for entry in entries(app.state.desk.database)[before:]]
    assert kinds == ["countersign.ask"]


def test_a_request_is_confirmed_with_the_password_and_only_by_an_admin(
    sign_in: Sign, app: FastAPI, second: str
) -> None:
    sign_in("quan").submit("/admin/users/minh/reset", password=PASSWORD)

    wrong = sign_in(second).submit("/admin/requests/1", password="không phải")
    stranger = sign_in("lan").submit("/admin/requests/1", password=PASSWORD)
    gone = sign_in(second).submit("/admin/requests/99", password=PASSWORD)

    assert [wrong.status_code, stranger.status_code, gone.status_code] == [403, 403, 404]
    assert not [entry for entry in entries(app.state.desk.database) if entry["kind"] == "user.reset"]


def test_what_waits_for_an_admin_stands_on_their_first_page(sign_in: Sign, second: str) -> None:
    sign_in("quan").submit("/admin/users/minh/reset", password=PASSWORD)

    assert "quan đề nghị, chờ người thứ hai xác nhận" in sign_in(second).get("/").text
    assert "chờ người thứ hai xác nhận" not in sign_in("minh").get("/").text


def test_the_page_warns_of_a_single_admin_and_names_what_one_did_alone(sign_in: Sign, app: FastAPI) -> None:
    admin = sign_in("quan")

    made = admin.submit("/admin/users", name="thu", role=["approver"], password=PASSWORD)
    page, person = admin.get("/admin/users").text, admin.get("/admin/users/thu").text

    assert "Một người tự làm việc này" in made.text
    assert "Chỉ có một người quản trị" in page
    assert "do một người tự làm" in page
    assert "do một người tự làm" in person
    assert next(entry for entry in entries(app.state.desk.database) if entry.get("user") == "thu")["alone"] is True


def test_with_two_admins_the_warning_is_gone(sign_in: Sign, second: str) -> None:
    assert "Chỉ có một người quản trị" not in sign_in("quan").get("/admin/users").text


# -- sessions and keys ------------------------------------------------------------------------------------------------


def test_one_session_is_ended_and_others_stay(sign_in: Sign, app: FastAPI) -> None:
    admin, first, second = sign_in("quan"), sign_in("hoa"), sign_in("tam")
    page = admin.get("/admin/sessions").text
    row = next(part for part in page.split("<tr>") if "/admin/users/hoa" in part)
    key = re.findall(r'name="key" value="([0-9a-f]{64})"', row)[0]

    answer = admin.submit("/admin/sessions/end", key=key)

    assert "Đã kết thúc một phiên của hoa" in answer.text
    assert first.get("/", follow_redirects=False).status_code == 303
    assert second.get("/", follow_redirects=False).status_code == 200
    assert admin.submit("/admin/sessions/end", key=key).status_code == 404
    assert entries(app.state.desk.database)[-1]["actor"] == "quan"


def test_a_key_for_a_program_is_shown_once_and_an_admin_ends_it(
    sign_in: Sign, app: FastAPI, clock: SteppedClock
) -> None:
    admin, hoa = sign_in("quan"), sign_in("hoa")

    made = hoa.submit("/me/keys", label="Cổng tỉnh", days="30", act=["broadcast.send"], password=PASSWORD)
    secret = told_once(made.text)
    listed = admin.get("/admin/tokens").text
    with app.state.desk.database.reading() as connection:
        known = token.find(connection, secret, now=clock.now())
    admin.submit("/admin/tokens/1/end")
    with app.state.desk.database.reading() as connection:
        gone = token.find(connection, secret, now=clock.now())

    assert known is not None
    assert known.acts == {Act.BROADCAST_SEND}
    assert "Cổng tỉnh" in listed
    assert secret not in listed
    assert gone is None


@pytest.mark.parametrize("values", [
    {"act": ["broadcast.approve"]}, {"act": ["user.manage"]}, {"act": []}, {"days": "0"}, {"days": "9999"}, {"days": "²"},
    {"label": ""},
])  # fmt: skip
def test_a_key_never_goes_beyond_its_person_nor_for_ever(sign_in: Sign, app: FastAPI, values: dict[str, Any]) -> None:
    form = {"label": "x", "days": "30", "act": ["broadcast.send"], "password": PASSWORD} | values

    answer = sign_in("duc").submit("/me/keys", **form)

    with app.state.desk.database.reading() as connection:
        assert token.everyone(connection) == []
    assert answer.status_code in (400, 403)


def test_nobody_makes_a_key_in_the_name_of_another(sign_in: Sign, app: FastAPI, clock: SteppedClock) -> None:
    gone = sign_in("quan").submit(
        "/admin/users/hoa/token", label="x", days="30", act=["broadcast.send"], password=PASSWORD
    )
    with pytest.raises(NotAllowed), transaction(app.state.desk.database, clock) as tx:
        token.make(tx, name="hoa", label="x", acts=[Act.BROADCAST_SEND], good_for=timedelta(days=1), actor="quan")

    with app.state.desk.database.reading() as connection:
        assert token.everyone(connection) == []
    assert gone.status_code == 404


def test_one_ends_ones_own_key_and_no_other(sign_in: Sign, app: FastAPI, clock: SteppedClock) -> None:
    hoa, duc = sign_in("hoa"), sign_in("duc")
    secret = told_once(hoa.submit("/me/keys", label="x", days="30", act=["broadcast.send"], password=PASSWORD).text)

    other = duc.submit("/me/keys/1/end")
    with app.state.desk.database.reading() as connection:
        stays = token.find(connection, secret, now=clock.now())
    own = hoa.submit("/me/keys/1/end")
    with app.state.desk.database.reading() as connection:
        gone = token.find(connection, secret, now=clock.now())

    assert other.status_code == 404
    assert stays is not None
    assert own.status_code == 200
    assert gone is None


# -- channels and settings --------------------------------------------------------------------------------------------


def test_reviews_of_a_provider_and_channels_are_shown(
    sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    with transaction(sqlite_database, clock) as tx:
        provider_item.begin(tx, "sms", "template", "hotline-111", state="waiting", title="Mẫu tin 111")
        provider_item.move(tx, "sms", "template", "hotline-111", "refused", reason="thiếu <b>tên</b> cơ quan")

    page = sign_in("quan").get("/admin").text

    assert "Mẫu tin 111" in page
    assert "thiếu &lt;b&gt;tên&lt;/b&gt; cơ quan" in page
    assert "memory" in page


def test_settings_show_every_key_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TOKEN", "rất-bí-mật")
    path = tmp_path / "config.toml"
    path.write_text(
        '[database]\nurl = "postgresql://an:bi-mat@may/kho"\n[duty]\nchannel = "sms"\nto = "+84912345678"\n'
        '[channels.sms]\nadapter = "twilio"\naccount_sid = { env = "SMS_TOKEN" }\nauth_token = "viet-thang"\nfrom = "VP"\n',
        encoding="utf-8",
    )

    found = dict(settings.sections(load(path), "vi"))

    shown = {f"{section}.{one.key}": one.value for section, rows in found.items() for one in rows}
    everything = " ".join(shown.values())
    assert shown["database.url"] == "postgresql://an:•••@may/kho"
    assert shown["channels.sms.account_sid"] == "env = SMS_TOKEN"
    assert shown["channels.sms.from"] == "VP"
    for secret in ("bi-mat", "912345678", "viet-thang", "rất-bí-mật"):
        assert secret not in everything
    assert {key.partition(".")[0] for key in shown} >= {"office", "web", "defaults", "ledger", "report"}


def test_no_vietnamese_sentence_is_about_a_key_that_is_gone(config: Config) -> None:
    known = {f"{section}.{one.key}" for section, rows in settings.sections(config, "en") for one in rows}
    known |= {f"channels.{key}" for key, _ in sentences(ChannelCommon)}

    assert set(meanings.VI) - known == set()


def test_a_channel_that_lacks_its_secret_says_so(config: Config, sign_in: Sign) -> None:
    config.channels["zalo"] = {"adapter": "zalo-oa"}

    page = sign_in("quan").get("/admin")

    assert page.status_code == 200
    assert "Chưa dùng được" in page.text


# -- words ------------------------------------------------------------------------------------------------------------


def test_every_word_of_the_tables_has_its_english() -> None:
    tables = (words.UNITS, words.RECEIPTS, words.REVIEWS, words.PAIRS, words.SPANS, words.ACTS, words.REQUESTS)

    assert [said for one in tables for said in one.values() if said not in english()] == []


def test_every_act_a_program_may_do_has_words() -> None:
    assert [act.value for act in Act if act not in NEEDS_SECOND_LOOK and act.value not in words.ACTS] == []

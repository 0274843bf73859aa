"""The board of those whose figures are not in, and the officer's word that they are."""

from __future__ import annotations

from typing import Any

from broadcaster.activity import place
from broadcaster.activity.place import Named
from broadcaster.ledger.store import transaction


def test_the_board_shows_who_owes_figures_with_the_words_to_copy(app: Any, sign_in: Any) -> None:
    desk = app.state.desk
    with transaction(desk.database, desk.clock) as tx:
        place.replace(tx, [Named(name="Xã Tân Thanh", province="Lạng Sơn"), Named(name="Sở Y tế", kind="department")],
                      by="lan", digest="d")  # fmt: skip
    browser = sign_in("lan")

    page = browser.get("/activity/board/c-2027").text
    browser.submit("/activity/board/c-2027/said", place="Sở Y tế")
    after = browser.get("/activity/board/c-2027").text

    assert "Xã Tân Thanh" in page
    assert "đề nghị Sở Y tế gửi số liệu" in page
    assert page.count("đề nghị ") == 2
    assert "đề nghị Sở Y tế" not in after
    assert "đề nghị Xã Tân Thanh" in after


def test_without_a_list_the_board_says_how_to_import_one(sign_in: Any) -> None:
    page = sign_in("minh").get("/activity/board/c-2027").text

    assert "broadcaster activity places --import" in page

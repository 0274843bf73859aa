"""The walk that must always work: from an empty folder to a verified export, with the words our users' scripts stand on."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import _run
from broadcaster.simulator.twilio import TwilioSimulator

PASSWORDS = {"lan": "một hai ba bốn năm sáu", "minh": "bảy tám chín mười mười một", "hoa": "mười hai mười ba mười bốn"}

SMS = """
[channels.sms]
adapter = "twilio"
account_sid = "AC00000000000000000000000000000111"
auth_token = {{ env = "TWILIO_AUTH_TOKEN" }}
from = "MINHHOA"
api_base = "{url}"
rate = "100/s"
concurrency = 32
timeout = "5s"
price = {{ amount = "350.5", currency = "VND" }}
"""


@pytest.fixture
def simulator() -> Iterator[TwilioSimulator]:
    """The provider on a thread of its own: commands run their own event loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    twilio = asyncio.run_coroutine_threadsafe(TwilioSimulator().start(), loop).result(10)
    yield twilio
    asyncio.run_coroutine_threadsafe(twilio.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Office:
    """A workspace in which commands are typed."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        self.folder, self._patch, self._said = folder, monkeypatch, capfdbinary
        self.err = ""

    def type(self, *words: str, who: str = "", stdin: str = "", code: int = 0) -> str:
        """One command; returns its standard output."""
        if who:
            words = (*words, "--as", who)
            self._patch.setenv("BROADCASTER_PASSWORD", PASSWORDS[who])
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        self._said.readouterr()
        got = _run(list(words))
        out, err = self._said.readouterr()
        self.err = err.decode()
        assert got == code, f"{words}: exit {got}\n{out.decode()}\n{self.err}"
        assert "Traceback" not in self.err
        return out.decode()

    def json(self, *words: str, who: str = "", code: int = 0) -> Any:
        return json.loads(self.type(*words, "--json", who=who, code=code))


@pytest.fixture
def office(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    simulator: TwilioSimulator,
) -> Office:
    """`init`, two people, quiet hours off, an SMS channel, forty contacts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "token-of-the-simulator")
    made = Office(tmp_path / "office", monkeypatch, capfdbinary)
    assert "one-time password" in made.type("init", "office")
    monkeypatch.chdir(made.folder)
    for name, roles in (("lan", "author,operator"), ("minh", "approver"), ("hoa", "operator,approver")):
        made.type("user", "add", name, "--role", roles, "--password-stdin", stdin=PASSWORDS[name] + "\n")
    config = (made.folder / "config.toml").read_text(encoding="utf-8")
    config = config.replace('quiet_hours = "21:30-08:00"', 'quiet_hours = ""') + SMS.format(url=simulator.url)
    (made.folder / "config.toml").write_text(config, encoding="utf-8")
    people = ["name,phone,consent_source,consent_date,commune"]
    people += [f"Người {at},09{at + 10_000_000},phiếu đăng ký,2026-05-15,Pù Nhi" for at in range(40)]
    (made.folder / "people.csv").write_text("\n".join(people), encoding="utf-8")
    return made


def approved_message(office: Office) -> None:
    office.type("message", "submit", "hotline-111", who="lan")
    office.type("message", "approve", "hotline-111", who="minh")


def approved_broadcast(office: Office) -> str:
    approved_message(office)
    office.type("audience", "import", "people.csv", "--group", "border")
    asked = office.json("send", "hotline-111", "--channel", "sms", "--group", "border", "--language", "vi", who="lan")
    assert asked["state"] == "submitted"
    office.type("broadcast", "approve", asked["broadcast"], who="minh")
    return str(asked["broadcast"])


def test_the_walk_from_init_to_the_verified_export(office: Office, simulator: TwilioSimulator) -> None:
    office.type("check")
    number = approved_broadcast(office)

    office.type("run", "--until-idle", "--no-web")

    shown = office.json("broadcast", "show", number)
    assert (shown["state"], shown["planned"], shown["open"], shown["states"]["accepted"]) == ("done", 40, 0, 40)
    assert shown["cost"] == {"amount": "28040", "currency": "VND"}
    lines = office.type("dispatch", "list", "--broadcast", number, "--json").splitlines()
    assert {json.loads(line)["provider_id"] for line in lines} == {entry.id for entry in simulator.book.accepted()}
    assert len({entry.to for entry in simulator.book.accepted()}) == len(simulator.book.entries) == 40
    verified = office.json("ledger", "verify")
    assert verified["ok"]
    office.type("ledger", "export", "out")
    alone = subprocess.run([sys.executable, "-I", "out/verify.py", "out"], capture_output=True, text=True, check=False)
    assert alone.returncode == 0, alone.stdout
    plan = office.json("plan", "chong-mua-ban-nguoi-2027")
    assert {
        "schedule",
        "local",
        "utc",
        "message",
        "channel",
        "recipients",
        "sms_parts",
        "cost",
        "finish",
        "conflicts",
    } <= set(plan[0])
    report = json.loads(office.type("report", "chong-mua-ban-nguoi-2027", "--format", "json"))
    assert (report["planned"], report["open"]) == (0, 0)
    assert office.type("db", "check") == ""


def test_a_second_run_sends_nothing_again(office: Office, simulator: TwilioSimulator) -> None:
    approved_broadcast(office)
    office.type("run", "--until-idle", "--no-web")

    office.type("run", "--until-idle", "--no-web")

    assert len(simulator.book.entries) == 40


def test_nobody_approves_what_they_asked_for_themselves(office: Office) -> None:
    office.type("audience", "import", "people.csv", "--group", "border")
    approved_message(office)
    asked = office.json("send", "hotline-111", "--channel", "sms", "--group", "border", who="hoa")

    office.type("broadcast", "approve", asked["broadcast"], who="hoa", code=2)

    assert office.json("broadcast", "show", asked["broadcast"])["state"] == "submitted"


@pytest.mark.parametrize(
    "words",
    [
        ("message", "submit", "hotline-111"),
        ("message", "approve", "hotline-111"),
        ("send", "hotline-111", "--channel", "sms", "--group", "border"),
        ("broadcast", "approve", "b-00000001"),
        ("stop", "--reason", "sai số"),
        ("resume", "1"),
        ("dispatch", "resolve", "d-0000000001", "--as-state", "accepted", "--reason", "x"),
        ("campaign", "submit", "chong-mua-ban-nguoi-2027"),
    ],
)
def test_what_needs_a_person_is_refused_without_one(office: Office, words: tuple[str, ...]) -> None:
    office.type(*words, code=2)

    assert "--as" in office.err


def test_a_wrong_password_does_nothing_and_stands_in_the_ledger(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PASSWORDS, "minh", "not this one at all")

    office.type("message", "approve", "hotline-111", who="minh", code=2)

    assert "wrong" in office.err
    assert [
        entry["kind"]
        for entry in map(json.loads, office.type("ledger", "list", "--kind", "user.refused", "--json").splitlines())
    ] == ["user.refused"]


def test_the_file_edited_after_approval_stops_send_and_names_the_difference(office: Office) -> None:
    office.type("audience", "import", "people.csv", "--group", "border")
    approved_message(office)
    path = office.folder / "content" / "hotline" / "hotline-111.md"
    path.write_text(path.read_text(encoding="utf-8").replace("24/7", "ngày đêm"), encoding="utf-8")

    office.type("send", "hotline-111", "--channel", "sms", "--group", "border", who="lan", code=1)

    assert "differs" in office.err


def test_the_approved_bytes_go_out_whatever_the_file_says_later(office: Office, simulator: TwilioSimulator) -> None:
    approved_broadcast(office)
    path = office.folder / "content" / "hotline" / "hotline-111.md"
    path.write_text(path.read_text(encoding="utf-8").replace("mua bán người", "chuyện khác"), encoding="utf-8")

    office.type("run", "--until-idle", "--no-web")

    assert len(simulator.book.accepted()) == 40
    assert not any("chuy%E1%BB%87n" in entry.body for entry in simulator.book.accepted())


def test_one_person_stops_and_two_resume(office: Office, simulator: TwilioSimulator) -> None:
    number = approved_broadcast(office)
    stop = office.json("stop", "--reason", "nghi sai số", who="minh")["stop"]

    office.type("run", "--until-idle", "--no-web", code=1)
    assert simulator.book.entries == []
    first = office.json("resume", str(stop), who="hoa")
    again = office.json("resume", str(stop), who="hoa")
    assert first["state"] == again["state"] == "waiting"
    assert first["would_go_out"] == 40
    assert office.json("resume", str(stop), who="lan")["state"] == "lifted"
    office.type("run", "--until-idle", "--no-web")

    assert office.json("broadcast", "show", number)["states"]["accepted"] == 40


def test_two_stops_are_lifted_with_one_command_and_one_that_is_left_is_named(office: Office) -> None:
    for channel in ("sms", "web"):
        office.json("stop", "--reason", "nghi sai số", "--channel", channel, who="minh")
    office.json("stop", "--reason", "nghi sai số", who="minh")

    office.type("resume", who="hoa", code=2)
    unnamed = office.err
    asked = office.json("resume", "1", "2", who="hoa")
    lifted = office.json("resume", "1", "2", who="lan")
    told = office.err
    left = office.json("stop", "--list")

    assert "3 stops are on; name those you mean: 1, 2, 3." in unnamed
    assert (asked["state"], lifted["state"], lifted["stops"]) == ("waiting", "lifted", [1, 2])
    assert [one["stop"] for one in left] == [3]
    assert "still in force: stop 3 (everything)" in told


def test_opt_out_between_approval_and_send_wins(office: Office, simulator: TwilioSimulator) -> None:
    number = approved_broadcast(office)
    office.type("audience", "opt-out", "0910000003")

    office.type("run", "--until-idle", "--no-web")

    assert office.json("broadcast", "show", number)["states"]["suppressed"] == 1
    assert "+84910000003" not in {entry.to for entry in simulator.book.entries}


def test_people_who_join_the_group_after_the_approval_hold_the_broadcast(
    office: Office, simulator: TwilioSimulator
) -> None:
    number = approved_broadcast(office)
    more = "name,phone,consent_source,consent_date\nNgười mới,0912345678,phiếu,2026-05-15\n"
    (office.folder / "more.csv").write_text(more, encoding="utf-8")
    office.type("audience", "import", "more.csv", "--group", "border")

    office.type("run", "--until-idle", "--no-web")

    assert simulator.book.entries == []
    assert office.json("broadcast", "show", number)["held"] == "audience_changed"


def test_an_unknown_option_a_missing_file_and_a_broken_config_are_sentences(office: Office) -> None:
    office.type("broadcast", "show", "b-99999999", code=2)
    office.type("message", "show", "no-such", code=2)
    office.type("report", "no-such-campaign", "--format", "json", code=2)
    office.type("send", "hotline-111", "--channel", "fax", "--group", "border", who="lan", code=2)
    (office.folder / "config.toml").write_text('[office]\nnmae = "x"\n', encoding="utf-8")
    office.type("broadcast", "list", code=2)

    assert "nmae" in office.err


def test_a_secret_in_the_file_is_refused_and_not_printed(office: Office) -> None:
    path = office.folder / "config.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('{ env = "TWILIO_AUTH_TOKEN" }', '"the-token-itself"'),
        encoding="utf-8",
    )

    found = office.json("doctor", code=1)

    assert any("never the value" in one["mend"] for one in found)
    assert "the-token-itself" not in json.dumps(found) + office.err


def test_only_the_feed_channel_needs_no_credentials(office: Office) -> None:
    approved_message(office)
    asked = office.json("send", "hotline-111", "--channel", "web", who="lan")
    office.type("broadcast", "approve", asked["broadcast"], who="minh")

    office.type("run", "--until-idle", "--no-web")

    assert (office.folder / "public" / "web" / "feed.json").is_file()
    assert office.json("broadcast", "show", asked["broadcast"])["states"]["accepted"] == 1


def test_a_doubtful_dispatch_is_resolved_by_two_people_who_say_the_same(
    office: Office, simulator: TwilioSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broadcaster.simulator.faults import Fault

    simulator.play(Fault(do="error-before", request=1))
    number = approved_broadcast(office)
    office.type("run", "--until-idle", "--no-web")
    (doubt,) = office.type("dispatch", "list", "--broadcast", number, "--state", "unknown", "--json").splitlines()
    name = json.loads(doubt)["id"]

    words = ("dispatch", "resolve", name, "--as-state", "again", "--reason", "nhà mạng xác nhận chưa nhận")
    assert office.json(*words, who="lan")["state"] == "waiting"
    assert office.json(*words, who="minh")["state"] == "planned"
    office.type("run", "--until-idle", "--no-web")

    assert office.json("broadcast", "show", number)["states"]["accepted"] == 40
    assert len(simulator.book.accepted()) == 40
    assert office.json("ledger", "verify")["ok"]


def test_an_own_configuration_does_not_let_one_person_send_alone(office: Office, simulator: TwilioSimulator) -> None:
    office.type("audience", "import", "people.csv", "--group", "border")
    own = (office.folder / "config.toml").read_text(encoding="utf-8").replace("two_person = true", "two_person = false")
    (office.folder / "own.toml").write_text(own, encoding="utf-8")
    office.type("user", "role", "hoa", "author,operator,approver")
    mine = ("--config", "own.toml")
    office.type("message", "submit", "hotline-111", *mine, who="hoa")
    office.type("message", "approve", "hotline-111", *mine, who="hoa")
    asked = office.json("send", "hotline-111", "--channel", "sms", "--group", "border", *mine, who="hoa")
    office.type("broadcast", "approve", asked["broadcast"], *mine, who="hoa")

    office.type("run", "--until-idle", "--no-web")

    assert simulator.book.entries == []
    assert office.json("broadcast", "show", asked["broadcast"])["held"] == "one_person"


def test_laxer_hours_from_an_own_configuration_do_not_start(office: Office, simulator: TwilioSimulator) -> None:
    approved_message(office)
    office.type("audience", "import", "people.csv", "--group", "border")
    own = (
        (office.folder / "config.toml")
        .read_text(encoding="utf-8")
        .replace("require_consent = true", "require_consent = false")
    )
    (office.folder / "own.toml").write_text(own, encoding="utf-8")
    asked = office.json(
        "send", "hotline-111", "--channel", "sms", "--group", "border", "--config", "own.toml", who="lan"
    )
    office.type("broadcast", "approve", asked["broadcast"], who="minh")

    office.type("run", "--until-idle", "--no-web")

    assert simulator.book.entries == []
    assert office.json("broadcast", "show", asked["broadcast"])["held"] == "laxer_than_office"


def test_the_same_request_twice_is_two_requests(office: Office, simulator: TwilioSimulator) -> None:
    approved_message(office)
    office.type("audience", "import", "people.csv", "--group", "border")
    words = ("send", "hotline-111", "--channel", "sms", "--group", "border")
    first, second = office.json(*words, who="lan"), office.json(*words, who="lan")
    office.type("broadcast", "approve", first["broadcast"], who="minh")
    office.type("broadcast", "reject", second["broadcast"], "--reason", "hai lần", who="minh")

    office.type("run", "--until-idle", "--no-web")

    assert first["hash"] != second["hash"]
    assert len(simulator.book.accepted()) == 40
    assert office.json("ledger", "verify")["ok"]


def test_hours_that_are_none_are_refused_before_anything_is_asked(office: Office) -> None:
    path = office.folder / "config.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('quiet_hours = ""', 'quiet_hours = "17h-8h"'), encoding="utf-8"
    )

    office.type("send", "hotline-111", "--channel", "web", who="lan", code=2)

    assert "quiet_hours" in office.err


def test_a_missing_database_is_not_replaced_by_an_empty_one(office: Office) -> None:
    for path in office.folder.glob("broadcaster.db*"):
        path.unlink()

    for words in (("broadcast", "list"), ("run", "--until-idle"), ("db", "upgrade")):
        office.type(*words, code=2)
        assert "put the newest copy back" in office.err

    assert not list(office.folder.glob("broadcaster.db"))


def test_no_number_enters_the_ledger_by_a_reason_or_a_name(office: Office) -> None:
    office.type("stop", "--reason", "gọi 0912345678", who="minh", code=2)
    office._patch.setitem(PASSWORDS, "0987654321", "whatever this is")
    office.type("message", "submit", "hotline-111", who="0987654321", code=2)

    lines = office.type("ledger", "list", "--json")

    assert "0912345678" not in lines
    assert "0987654321" not in lines


def test_the_approver_sees_how_many_which_words_and_what_it_costs(office: Office) -> None:
    approved_message(office)
    office.type("audience", "import", "people.csv", "--group", "border")
    office.type("audience", "opt-out", "0910000003")
    asked = office.json("send", "hotline-111", "--channel", "sms", "--group", "border", who="lan")

    shown = office.json("broadcast", "show", asked["broadcast"])

    assert shown["people"] == {"would_get_it": 39, "no_address": 0, "no_consent": 0, "opted_out": 1}
    assert "111" in shown["text"]["vi"]
    assert (shown["asked_by"], shown["sms_parts"]) == ("lan", 2)
    assert shown["would_cost"] == {"amount": "27339.00", "currency": "VND"}


def test_a_copied_message_and_a_heading_with_three_signs_are_named(office: Office) -> None:
    content = office.folder / "content"
    (content / "hotline" / "copy.md").write_bytes((content / "hotline" / "hotline-111.md").read_bytes())
    with (content / "hotline" / "hotline-113.md").open("a", encoding="utf-8") as file:
        file.write("\n### en sms\nlost\n")

    said = office.type("check", code=1)

    assert "copy.md" in said
    assert "'### en sms' is taken as text" in said

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import ledger_story as story
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_story import Entry, intent, lift, orphan, receipt, reconcile, resend, resolve, result, stop

from broadcaster.ledger.entry import Kind, Record, encode, timestamp
from broadcaster.ledger.verify import audit

START = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)


def lines(entries: list[Entry]) -> list[bytes]:
    return [
        encode(Record(kind, actor, fields), seq=seq, ts=timestamp(START + timedelta(seconds=seq)))
        for seq, (kind, actor, fields) in enumerate(entries)
    ]


def faults(entries: list[Entry]) -> list[str]:
    found: list[str] = audit(lines(entries), {})["faults"]
    return found


def changed(entry: Entry, **fields: Any) -> Entry:
    kind, actor, old = entry
    return kind, str(fields.pop("actor", actor)), {**old, **fields}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


WITHDRAW: Entry = (Kind.MESSAGE_WITHDRAW, "lan", {"name": "hotline-111", "subject": story.TEXT, "reason": "số sai"})
SUPERSEDE: Entry = (Kind.MESSAGE_SUPERSEDE, "minh", {"name": "hotline-111", "subject": story.TEXT})
REQUESTED: list[Entry] = [
    (Kind.BROADCAST_SUBMIT, "lan", {"name": "b-00000002", "subject": story.REQUEST, "to": "submitted"}),
    (Kind.BROADCAST_APPROVE, "minh", {"name": "b-00000002", "subject": story.REQUEST, "to": "approved"}),
]
AD_HOC = changed(story.START, b=2, authority=story.REQUEST, authority_kind="broadcast", campaign="")
EDIT: Entry = (Kind.MESSAGE_EDIT, "minh", {"name": "hotline-111"})
MAI: Entry = (Kind.USER_ADD, "console:root", {"user": "mai", "roles": ["approver"]})
NEXT_TEXT = [changed(story.SUBMIT, subject="f" * 64), changed(story.APPROVE, actor="mai", subject="f" * 64)]
NGA: Entry = (Kind.USER_ADD, "console:root", {"user": "nga", "roles": ["operator"]})
STANDS: Entry = (
    Kind.DELEGATION_GRANT, "minh",
    {"delegation": 1, "user": "nga", "since": "2027-07-01T00:00:00.000000Z", "until": "2027-07-02T00:00:00.000000Z"},
)  # fmt: skip
BACK: Entry = (Kind.DELEGATION_END, "minh", {"delegation": 1, "user": "nga"})
FOR_MINH = changed(story.APPROVE, actor="nga", delegation=1)
RULE: Entry = (Kind.SETTINGS_SEEN, "lan", {"two_person": False})
ONE_ALONE: list[Entry] = [
    RULE,
    (Kind.USER_ADD, "console:root", {"user": "lan", "roles": ["approver", "author"]}),
    story.SUBMIT,
    changed(story.APPROVE, actor="lan", two_person=False),
]


def of_plan(kind: Kind) -> Entry:
    return kind, "lan", {"name": "mbn", "subject": story.PLAN}


ADMINS: list[Entry] = [
    (Kind.USER_ADD, "set-up", {"user": "quan", "roles": ["admin"], "alone": True}),
    (Kind.USER_ADD, "quan", {"user": "bac", "roles": ["admin"], "alone": True}),
]


def appointed(by: str, asked_by: str, user: str = "mai", roles: tuple[str, ...] = ("approver",)) -> Entry:
    return Kind.USER_ADD, by, {"user": user, "roles": [*roles], "asked_by": asked_by}


WRONG: dict[str, tuple[list[Entry], str]] = {
    "an approver made by one admin under two names": ([*ADMINS, appointed("quan", "quan")], "did alone"),
    "an approver made with somebody unknown": ([*ADMINS, appointed("bac", "console:root")], "no user"),
    "an approver made with a second who is no admin": ([*ADMINS, *story.PEOPLE, appointed("lan", "quan")], "lacks the role"),
    "the author approves": ([*story.PEOPLE, story.SUBMIT, changed(story.APPROVE, actor="lan")], "entry 3: 'lan'"),
    "an approver approves what he submitted": (
        [*story.PEOPLE, changed(story.SUBMIT, actor="minh"), story.APPROVE],
        "entry 3: 'minh' did alone what needs two people",
    ),
    "an editor approves": ([*story.PEOPLE, EDIT, story.SUBMIT, story.APPROVE], "entry 4: 'minh' approves"),
    "an editor approves, though another text was approved meanwhile": (
        [*story.PEOPLE, MAI, story.SUBMIT, EDIT, changed(story.APPROVE, actor="mai"), NEXT_TEXT[0],
         changed(NEXT_TEXT[1], actor="minh")],
        "entry 7: 'minh' approves what 'minh' edited",
    ),
    "somebody without the role approves": (
        [*story.PEOPLE, changed(story.SUBMIT, actor="minh"), changed(story.APPROVE, actor="lan")], "lacks the role"),
    "somebody unknown approves": ([story.SUBMIT, story.APPROVE], "is no user"),
    "what nobody submitted is approved": ([*story.PEOPLE, story.APPROVE], "nobody"),
    "a plan is approved by its submitter": (
        [*story.PEOPLE, changed(story.PLANNED[0], actor="minh"), story.PLANNED[1]], "did alone"),
    "a broadcast starts without a plan": ([*story.PEOPLE, story.SUBMIT, story.APPROVE, story.START], "broadcast 1 starts"),
    "a broadcast starts under a superseded plan": (
        [*story.READY[:-1], of_plan(Kind.CAMPAIGN_SUPERSEDE), story.START], "broadcast 1 starts without"),
    "a broadcast starts under another campaign's plan": (
        [*story.READY[:-1], changed(story.START, campaign="other")], "broadcast 1 starts without"),
    "a broadcast starts with a superseded text": (
        [*story.READY[:-1], SUPERSEDE, story.START], "broadcast 1 starts with a text"),
    "a request is used for another broadcast": (
        [*story.READY, *REQUESTED, changed(AD_HOC, b=3)], "broadcast 3 starts without"),
    "a plan is used for a request": ([*story.READY, changed(AD_HOC, authority=story.PLAN)], "broadcast 2 starts without"),
    "a send of what was not started": ([*story.READY, intent(1, b=9)], "not approved by then"),
    "a send of a text nobody approved": (
        [*story.PEOPLE, *REQUESTED, AD_HOC, intent(1, b=2)], "entry 5: dispatch 1: its text or plan is not approved by then"),
    "a send after the text was withdrawn": ([*story.READY, WITHDRAW, intent(1)], "not approved by then"),
    "a send after the campaign was cancelled": (
        [*story.READY, of_plan(Kind.CAMPAIGN_CANCEL), intent(1)], "not approved by then"),
    "a send after the campaign was done": (
        [*story.READY, of_plan(Kind.CAMPAIGN_DONE), intent(1)], "not approved by then"),
    "a send after the broadcast was cancelled": (
        [*story.READY, (Kind.BROADCAST_CANCEL, "lan", {"b": 1, "reason": "x"}), intent(1)], "not approved by then"),
    "a send under a request that was withdrawn": (
        [*story.READY, *REQUESTED, AD_HOC,
         (Kind.BROADCAST_CANCEL, "lan", {"name": "b-00000002", "subject": story.REQUEST}), intent(1, b=2)],
        "not approved by then",
    ),
    "a result without an intent": ([*story.READY, result(1)], "result of attempt 1"),
    "a result of another attempt": ([*story.READY, intent(1), result(1, 2)], "result of attempt 2"),
    "a receipt of what was never sent": ([*story.READY, receipt(1)], "receipt of attempt 1"),
    "a send while the former has no result": ([*story.READY, intent(1), intent(1, 2)], "has no result yet"),
    "a send after acceptance": ([*story.READY, intent(1), result(1), intent(1, 2)], "was accepted"),
    "a send after refusal": (
        [*story.READY, intent(1), result(1, out="refused", state="failed"), intent(1, 2)], "refused for good"),
    "a send after a lost answer": (
        [*story.READY, intent(1), result(1, out="unknown", state="unknown"), intent(1, 2)], "perhaps reached"),
    "a send after a crash": ([*story.READY, intent(1), orphan(1), intent(1, 2)], "perhaps reached"),
    "a send after an older attempt is said not to have left": (
        [*story.READY, intent(1), result(1, out="throttled", state="planned"), intent(1, 2),
         result(1, out="throttled", state="planned"), intent(1, 3)],
        "attempt 2 has no result yet",
    ),
    "a send after a receipt": ([*story.READY, intent(1), receipt(1), intent(1, 2)], "was accepted"),
    "a send after a receipt and a late denial": (
        [*story.READY, intent(1), receipt(1), result(1, out="throttled", state="planned"), intent(1, 2)], "was accepted"),
    "a send after it stayed unresolved": (
        [*story.READY, intent(1), orphan(1), reconcile(1, state="unresolved"), intent(1, 2)], "perhaps reached"),
    "a number used twice": (
        [*story.READY, intent(1), result(1, out="throttled", state="planned"), intent(1)], "has that number"),
    "a doubt settled without evidence": ([*story.READY, intent(1), orphan(1), reconcile(1, evidence="")], "nothing proves"),
    "one person resolves a doubt": (
        [*story.READY, intent(1), orphan(1), resolve(1, "accepted", "minh", "minh")], "did alone what needs two people"),
    "a doubt resolved for another send": (
        [*story.READY, intent(1), orphan(1), resolve(1, "planned")],
        "nothing proves",
    ),
    "one person orders a second send": (
        [*story.READY, intent(1), orphan(1), resend(1, "minh", "minh")], "did alone what needs two people"),
    "a stranger orders a second send": ([*story.READY, intent(1), orphan(1), resend(1, "mai")], "is no user"),
    "a second send of what was accepted is ordered": ([*story.READY, intent(1), result(1), resend(1)], "was accepted"),
    "a second send is used twice": (
        [*story.READY, intent(1), orphan(1), resend(1), intent(1, 2), orphan(1, 2), intent(1, 3)], "perhaps reached"),
    "a send under a stop of everything": ([*story.READY, stop(1), intent(1)], "while a stop is on (everything"),
    "a send under a stop of the campaign": ([*story.READY, stop(1, "campaign", "mbn"), intent(1)], "a stop is on (campaign mbn"),
    "a send under a stop of the channel": ([*story.READY, stop(1, "channel", "sms"), intent(1)], "a stop is on (channel sms"),
    "a send under a stop that has not ended": (
        [*story.READY, stop(1, until="2027-07-01T01:00:08.5+00:00".replace(".5", ".500000")), intent(1)], "a stop is on"),
    "one person lifts a hold": (
        [*story.PEOPLE, (Kind.HOLD_LIFT, "minh", {"campaign": "mbn", "asked_by": "minh", "signed_by": "minh"})], "did alone"),
    "one person lifts a stop": ([*story.READY, stop(1), lift(1, "minh", "minh")], "did alone"),
    "a stop that is not on is lifted": ([*story.READY, lift(1)], "is not on"),
    "a send under the other of two stops": ([*story.READY, stop(1), stop(2), lift(1), intent(1)], "a stop is on"),
    "a send in a stopped area": (
        [*story.READY, stop(1, "area", "Xã Tân Lập"), changed(intent(1), area="Xã Tân Lập")], "a stop is on (area Xã Tân Lập"),
    "a send that does not say its area while one is stopped": (
        [*story.READY, stop(1, "area", "Xã Tân Lập"), intent(1)], "a stop is on (area Xã Tân Lập"),
    "alone, though two people decide in this office": (
        [*ONE_ALONE[1:]], "decided alone, but the office's rule then asked for two people"),
    "alone, though two people decide again": (
        [RULE, (Kind.SETTINGS_SEEN, "sender", {"two_person": True}), *ONE_ALONE[1:]], "decided alone, but the office's rule"),
    "alone, of a plan, though the office of one has become one of two": (
        [*story.PEOPLE, RULE, (Kind.SETTINGS_SEEN, "sender", {"two_person": True}), story.PLANNED[0],
         changed(story.PLANNED[1], two_person=False)], "decided alone, but the office's rule"),
    "two lift a stop, says one, alone": (
        [*story.READY, RULE, stop(1), changed(lift(1), two_person=False)], "decided alone, but the office's rule"),
    "somebody stands in without a delegation": ([*story.PEOPLE, NGA, story.SUBMIT, FOR_MINH], "lacks the role"),
    "somebody stands in for another": (
        [*story.PEOPLE, NGA, STANDS, story.SUBMIT, changed(FOR_MINH, actor="lan")], "'lan' stands in for nobody"),
    "somebody stands in before the first day": (
        [*story.PEOPLE, NGA, changed(STANDS, since="2027-07-01T09:00:00.000000Z"), story.SUBMIT, FOR_MINH],
        "'nga' stands in for nobody"),
    "somebody stands in after the last day": (
        [*story.PEOPLE, NGA, changed(STANDS, until="2027-07-01T01:00:01.000000Z"), story.SUBMIT, FOR_MINH],
        "'nga' stands in for nobody"),
    "somebody stands in after the end": (
        [*story.PEOPLE, NGA, STANDS, BACK, story.SUBMIT, FOR_MINH], "'nga' stands in for nobody"),
    "somebody who is no approver delegates": (
        [*story.PEOPLE, NGA, changed(STANDS, actor="lan"), changed(story.SUBMIT, actor="minh"), FOR_MINH],
        "lacks the role"),
    "the author stands in": (
        [*story.PEOPLE, changed(STANDS, user="lan"), story.SUBMIT, changed(FOR_MINH, actor="lan")], "did alone"),
    "somebody stands in for the author": (
        [*story.PEOPLE, NGA, STANDS, changed(story.SUBMIT, actor="minh"), FOR_MINH], "did alone"),
    "an editor stands in": (
        [*story.PEOPLE, NGA, STANDS, changed(EDIT, actor="nga"), story.SUBMIT, FOR_MINH], "'nga' approves what"),
    "somebody stands in for an editor": ([*story.PEOPLE, NGA, STANDS, EDIT, story.SUBMIT, FOR_MINH], "edited"),
    "an entry lacks a field": ([*story.READY, (Kind.ATTEMPT_INTENT, "sender", without(intent(1)[2], "n"))], "entry 7"),
    "a field is of the wrong kind": ([*story.READY, changed(intent(1), n="1")], "missing or wrong"),
}  # fmt: skip

RIGHT: dict[str, list[Entry]] = {
    "an approver made by two admins": [*ADMINS, appointed("bac", "quan")],
    "an admin who agrees to be one no more": [*ADMINS, appointed("bac", "quan", "bac", ("auditor",))],
    "nothing": [],
    "the whole story": story.HONEST,
    "a request": [*story.READY, *REQUESTED, AD_HOC, intent(9, b=2)],
    "a request for a text that was superseded": [*story.READY, *REQUESTED, SUPERSEDE, AD_HOC, intent(9, b=2)],
    "what began before a newer text and a newer plan goes on": [
        *story.READY, SUPERSEDE, of_plan(Kind.CAMPAIGN_SUPERSEDE), intent(1)],
    "a text approved again after it was withdrawn": [*story.READY, WITHDRAW, story.SUBMIT, story.APPROVE, intent(1)],
    "an editor of the approved text may approve the next": [
        *story.PEOPLE, MAI, EDIT, story.SUBMIT, changed(story.APPROVE, actor="mai"), NEXT_TEXT[0],
        changed(NEXT_TEXT[1], actor="minh")],
    "a retry after a throttle": [*story.READY, intent(1), result(1, out="throttled", state="planned"), intent(1, 2)],
    "a retry after not being begun": [*story.READY, intent(1), result(1, out="not_started", state="planned"), intent(1, 2)],
    "a retry after a wrong setting": [*story.READY, intent(1), result(1, out="misconfigured", state="planned"), intent(1, 2)],
    "a retry proved by a look-up": [*story.READY, intent(1), orphan(1), reconcile(1), intent(1, 2)],
    "a late answer after a crash": [*story.READY, intent(1), orphan(1), result(1)],
    "a second send ordered by two": [*story.READY, intent(1), orphan(1), resend(1), intent(1, 2), result(1, 2)],
    "a doubt resolved by two": [*story.READY, intent(1), orphan(1), resolve(1, "unresolved"), resend(1), intent(1, 2)],
    "a send outside the stop": [*story.READY, stop(1, "channel", "zalo"), stop(2, "campaign", "other"), intent(1)],
    "a send after the stop's end": [*story.READY, stop(1, until="2027-07-01T08:00:07+07:00"), intent(1)],
    "a send in another area": [*story.READY, stop(1, "area", "Xã Tân Lập"), changed(intent(1), area="Xã Khác")],
    "a send to a page while an area is stopped": [*story.READY, stop(1, "area", "Xã Tân Lập"), changed(intent(1), area="")],
    "a send in the area after the stop was lifted": [
        *story.READY, stop(1, "area", "Xã Tân Lập"), lift(1), changed(intent(1), area="Xã Tân Lập"), intent(2)],
    "alone by the rule of the day it was submitted": [
        *ONE_ALONE[:-1], (Kind.SETTINGS_SEEN, "sender", {"two_person": True}), ONE_ALONE[-1]],
    "an office that was of one from its first day": [
        (Kind.OFFICE_START, "console:root", {"two_person": False}), *ONE_ALONE[1:]],
    "somebody stands in for an approver on leave": [*story.PEOPLE, NGA, STANDS, story.SUBMIT, FOR_MINH],
    "a send after two lifted the stop": [*story.READY, stop(1), lift(1), intent(1)],
    "an office of one": [*ONE_ALONE],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_was_not_allowed_is_named_with_its_entry(name: str) -> None:
    entries, words = WRONG[name]

    found = faults(entries)

    assert found
    assert words in found[0]
    assert found[0].startswith("entry ")


@pytest.mark.parametrize("name", RIGHT)
def test_what_was_allowed_passes(name: str) -> None:
    found = faults(RIGHT[name])

    assert found == []


def test_decisions_by_one_person_are_counted() -> None:
    found = audit(lines(ONE_ALONE), {})

    assert found["decided_by_one_alone"] == 1


def test_rights_that_one_person_alone_gave_are_counted() -> None:
    found = audit(lines([*ADMINS, appointed("bac", "quan")]), {})

    assert (found["faults"][:-1], found["rights_given_by_one_alone"]) == ([], 2)


def test_time_may_run_back_only_after_a_clock_jump() -> None:
    def told(moments: list[tuple[Kind, int]]) -> list[str]:
        raws = [
            encode(Record(kind, "lan", {}), seq=seq, ts=timestamp(START + timedelta(seconds=second)))
            for seq, (kind, second) in enumerate(moments)
        ]
        found: list[str] = audit(raws, {})["faults"]
        return found

    back = told([(Kind.REPORT_MAKE, 100), (Kind.REPORT_MAKE, 39)])
    skew = told([(Kind.REPORT_MAKE, 100), (Kind.REPORT_MAKE, 41)])
    jump = told([(Kind.REPORT_MAKE, 100), (Kind.CLOCK_JUMP, 10), (Kind.REPORT_MAKE, 10), (Kind.REPORT_MAKE, 20)])
    creep = told([(Kind.REPORT_MAKE, 100), (Kind.REPORT_MAKE, 50), (Kind.REPORT_MAKE, 30)])

    assert back == ["entry 1: its time lies before that of the entries above"]
    assert (skew, jump) == ([], [])
    assert creep == ["entry 2: its time lies before that of the entries above"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_every_entry_the_office_can_write_is_canonical_to_the_verifier(fields: dict[str, Any]) -> None:
    raw = encode(Record(Kind.REPORT_MAKE, "lan", fields), seq=0, ts=timestamp(START))

    found = audit([raw], {})

    assert found["faults"] == []


TS = b'"ts":"2027-07-01T01:00:00.000000Z"'
ODD = {
    "blanks": b'{"actor": "lan","kind":"report.make","seq":0,' + TS + b"}",
    "keys out of order": b'{"kind":"report.make","actor":"lan","seq":0,' + TS + b"}",
    "a key twice": b'{"actor":"lan","actor":"lan","kind":"report.make","seq":0,' + TS + b"}",
    "a float": b'{"actor":"lan","kind":"report.make","n":1.5,"seq":0,' + TS + b"}",
    "not a number": b'{"actor":"lan","kind":"report.make","n":NaN,"seq":0,' + TS + b"}",
    "a huge number": b'{"actor":"lan","kind":"report.make","n":' + b"9" * 5000 + b',"seq":0,' + TS + b",x}",
    "a lone surrogate": b'{"actor":"\\ud800","kind":"report.make","seq":0,' + TS + b"}",
    "an escape that needs none": b'{"actor":"\\u006can","kind":"report.make","seq":0,' + TS + b"}",
    "a byte order mark": b'\xef\xbb\xbf{"actor":"lan","kind":"report.make","seq":0,' + TS + b"}",
    "bytes that are no UTF-8": b'{"actor":"\xff","kind":"report.make","seq":0,' + TS + b"}",
    "deep nesting": b"[" * 100_000,
    "a list": b"[]",
    "a bare word": b"null",
    "nothing": b"",
    "no kind": b'{"actor":"lan","seq":0,' + TS + b"}",
    "a time that is none": b'{"actor":"lan","kind":"report.make","seq":0,"ts":"yesterday"}',
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_canonical_entry_is_refused(name: str) -> None:
    found = audit([ODD[name]], {})

    assert [fault[:8] for fault in found["faults"]] == ["entry 0:"]


def test_a_flood_of_faults_is_named_up_to_a_hundred() -> None:
    found = audit([b"x"] * 500, {})

    assert (found["entries"], len(found["faults"])) == (500, 100)

"""The fault catalogue, groups E and F (reliability-security.md 2.3), against every way out of the program: one table.

A cell is a list of cases that are played, or one sentence that says why there is nothing to play, or where it is tested.
"""

from __future__ import annotations

from dataclasses import dataclass

from broadcaster.simulator.faults import Fault
from tests.fault.wires import WIRES, Wire

ROWS_E = tuple(f"E{n}" for n in range(1, 25))
ROWS_F = tuple(f"F{n}" for n in range(1, 13))
NO_WIRE = {"memory": "It keeps what it is given in this process: there is no wire for a fault to be on."}

# What a dispatch is once the fault has played: its state, or what else happened to its lane.
UNKNOWN, WAITS, RETRY, PAUSED, FAILED, ACCEPTED = "unknown", "waits", "retry_wait", "paused", "failed", "accepted"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault, and what must become of the dispatch that meets it."""

    name: str
    ends: str
    fault: Fault | None = None
    do: str = ""  # what the test does itself: "down", "tls:expired", "dns:unknown", ...


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Tested by a test of its own; the table is only true while that test exists."""

    file: str
    test: str
    why: str


def played(name: str, ends: str, **said: object) -> Case:
    return Case(name=name, ends=ends, fault=Fault(do=name, **said))  # type: ignore[arg-type]


JSON_SPOILT = ("gzip", "charset", "deep", "nan", "twice", "bare")
LATER = {  # Retry-After: seconds, an HTTP date, one that is past, none, one that never comes
    "seconds": "7", "date": "Thu, 01 Jul 2027 01:00:30 GMT", "negative": "-5", "none": "", "for ever": "1000000000",
}  # fmt: skip
REDIRECTS = (301, 302, 307, 308)
SPEAKS_JSON = [wire.name for wire in WIRES.values() if wire.tongue == "json"]


def _e1(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return "SSH has no error of a gateway's kind; what breaks a transfer stands at E5."
    if wire.tongue == "smtp":  # RFC 5321 4.2.1: a 4yz or 5yz to the final dot is the protocol's own definite no
        return [
            played("error-before", WAITS),
            Case(name="5yz at the dot", ends=FAILED, fault=Fault(do="refuse", code=554, text="5.6.0 no")),
        ]
    return [
        Case(name=f"{status} {when}", ends=UNKNOWN, fault=Fault(do=f"error-{when}", status=status))  # type: ignore[arg-type]
        for status in (500, 502, 504)
        for when in ("before", "after")
    ]


def _e2(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return "SSH has no word for too many requests; a server that turns us away hangs up (E5)."
    if wire.tongue == "smtp":
        return [played("throttle", WAITS)]  # SMTP names no wait: ours is a minute
    return [
        Case(name=f"Retry-After {name}", ends=WAITS, fault=Fault(do="throttle", retry_after=value))
        for name, value in LATER.items()
    ]


def _e3(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return "SSH has no answer of this kind."
    if wire.tongue == "smtp":
        said = Fault(do="refuse", code=421, text="4.3.2 shutting down")
        return [Case(name="421, documented as not taken", ends=WAITS, fault=said)]
    found = [Case(name="503 in a stranger's words", ends=UNKNOWN, fault=Fault(do="error-before", status=503))]
    if wire.name == "kannel":
        said = Fault(do="refuse", status=503)
        found.append(Case(name="503, documented as not taken", ends=RETRY, fault=said))
    return found


def _e4(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return [Case(name="a handshake that stalls", ends=RETRY, do="stall")]
    found = [played("silence-before", UNKNOWN, seconds=3), played("silence-after", UNKNOWN, seconds=3)]
    if wire.tongue == "hub" or wire.name == "loudspeaker put":
        return found  # their answers have no body that could come byte by byte
    return [*found, played("dribble-after", UNKNOWN, seconds=0.1)]


def _e5(wire: Wire) -> list[Case] | str:
    down = Case(name="nobody listens", ends=RETRY, do="down")
    if wire.tongue == "ssh":
        return [down, Case(name="cut within the transfer", ends=UNKNOWN, do="cut-transfer")]
    cut = RETRY if wire.tongue == "smtp" else UNKNOWN  # before the final dot nothing was sent
    half = [] if wire.name in ("loudspeaker put", "feed websub") else [played("half-after", UNKNOWN)]
    return [down, played("cut-before", cut), played("cut-after", UNKNOWN), played("end-after", UNKNOWN), *half]


def _e6(wire: Wire) -> list[Case] | str:
    pages = [played("garbage-before", UNKNOWN), played("garbage-after", UNKNOWN)]
    match wire.tongue:
        case "ssh":
            return "SSH checks every packet by a code of its own (RFC 4253 6.4): garbage is a broken line, E5."
        case "smtp":
            return [*pages, played("empty-after", UNKNOWN), played("charset-after", UNKNOWN)]
        case "status":  # the 2xx is the whole answer, by Standard Webhooks and by HTTP's PUT; a page is somebody else's
            return [*pages, played("empty-after", ACCEPTED), played("nan-after", ACCEPTED)]
        case "hub":
            return pages
        case "words":
            return [
                *pages, played("empty-after", UNKNOWN), played("gzip-after", UNKNOWN), played("charset-after", UNKNOWN),
                played("bare-after", UNKNOWN), played("deep-after", UNKNOWN),
            ]  # fmt: skip
    spoilt = [played(f"{name}-after", UNKNOWN) for name in JSON_SPOILT]  # type: ignore[arg-type]
    return [
        *pages,
        played("empty-after", UNKNOWN),
        *spoilt,
        Case(name="id of an earlier message", ends=UNKNOWN, do="old"),
    ]


def _e7(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return "The library bounds a packet to what RFC 4253 6.1 allows; no answer is read that could grow."
    return [played(f"{name}-after", UNKNOWN) for name in ("huge", "endless", "header")]  # type: ignore[arg-type]


def _e8(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return "SSH knows no redirect."
    if wire.tongue == "smtp":  # RFC 5321 3.4: the one word of SMTP that names another place
        return [
            Case(name="551 names another", ends=FAILED, fault=Fault(do="refuse", code=551, text="5.1.6 <x@a.example>"))
        ]
    return [
        Case(
            name=f"{status} to {place}", ends=UNKNOWN, do=f"redirect:{place}", fault=Fault(do="redirect", status=status)
        )
        for status in REDIRECTS
        for place in ("elsewhere", "the cloud's own address")
    ]


def _e9(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return [Case(name="another host key", ends=PAUSED, do="other-key")]
    if wire.name == "loudspeaker mail":
        return [Case(name="no encryption offered", ends=PAUSED, do="no-starttls")]
    shown = ("expired", "wrong-name", "self-signed", "old-tls")
    return [
        Case(name="a good certificate", ends=ACCEPTED, do="tls:good"),
        *(Case(name=name, ends=RETRY, do=f"tls:{name}") for name in shown),
        Case(name="a handshake that stalls", ends=RETRY, do="tls:stall"),
    ]


def _e10(wire: Wire) -> list[Case] | str:
    found = [Case(name="no such name", ends=RETRY, do="dns:unknown")]
    if wire.tongue != "ssh":
        found.append(Case(name="a resolver that fails", ends=RETRY, do="dns:fails"))
    if wire.adapter == "webhook":
        found.append(Case(name="a private address behind a public name", ends=PAUSED, do="dns:private"))
    return found


def _e11(wire: Wire) -> list[Case] | str:
    if wire.tongue in ("smtp", "ssh"):
        return "Its library knows no proxy of the environment."
    return [Case(name="a proxy in the environment", ends=ACCEPTED, do="proxy")]


def _e12(wire: Wire) -> list[Case] | str:
    if wire.adapter == "zalo-oa":
        return [Case(name="every access token revoked", ends=ACCEPTED, do="revoke")]
    if wire.name == "feed websub":
        return "A hub asks for no credentials."
    if wire.tongue == "ssh":
        return [Case(name="password changed there", ends=PAUSED, do="other-password")]
    return [Case(name="credentials revoked between two messages", ends=PAUSED, do="lock-after")]


def _e13(wire: Wire) -> list[Case] | str:
    if wire.name == "feed websub":
        return "A hub asks for no credentials."
    if wire.tongue == "ssh":
        return [Case(name="wrong password from the start", ends=PAUSED, do="other-password")]
    return [Case(name="wrong from the start", ends=PAUSED, do="lock")]


NO_CREDIT = {
    "twilio": Fault(do="refuse", status=400, code=30002),
    "esms": Fault(do="refuse", status=200, code=103),
    "speedsms": Fault(do="refuse", status=200, code=300),
    "zalo-oa article": Fault(do="refuse", status=200, code=-321),
    "zalo-oa cs": Fault(do="refuse", status=200, code=-321),
    "facebook-page": Fault(do="refuse", status=400, code=368),
}


def _e14(wire: Wire) -> list[Case] | str:
    if wire.name in NO_CREDIT:
        return [Case(name="no credit, no quota", ends=PAUSED, fault=NO_CREDIT[wire.name])]
    if wire.name == "kannel":
        return (
            "Kannel is ours and sells nothing; a carrier out of credit says so in its report, which moves one dispatch."
        )
    return "Nothing is paid for or counted over there."


def _e15(wire: Wire) -> list[Case] | str:
    return [Case(name="no receipt for two days", ends=ACCEPTED, do="no-receipt")]


def _e18(wire: Wire) -> list[Case] | str:
    if wire.to(1) == wire.to(2):
        return "It has one address: a text that is always refused is a broadcast of its own, and ends as E1 says."
    if wire.tongue == "ssh":
        return "The server sees files, not texts, and refuses none for what it says."
    fault = "refuse" if wire.tongue == "smtp" else "error-before"
    ends = FAILED if wire.tongue == "smtp" else UNKNOWN
    return [Case(name="one of four is always refused", ends=ends, do="poison", fault=Fault(do=fault))]  # type: ignore[arg-type]


def _e19(wire: Wire) -> list[Case] | str:
    if wire.tongue == "ssh":
        return [Case(name="the lane beside goes on", ends=RETRY, do="beside stall")]
    slow = Fault(do="silence-before", seconds=3)
    return [Case(name="the lane beside goes on", ends=UNKNOWN, do="beside", fault=slow)]


def _e24(wire: Wire) -> list[Case] | str:
    if wire.tongue != "json":
        return "Its answer has no schema of the provider's that could change."
    return [
        played("more-after", ACCEPTED),
        Case(name="the id is gone", ends=UNKNOWN, fault=Fault(do="bare-after")),
        Case(name="ids as numbers", ends=f"{ACCEPTED} or {UNKNOWN}", fault=Fault(do="wide-after")),
    ]


RANKS = Elsewhere(
    file="tests/dispatch/test_receipt.py",
    test="test_success_and_failure_for_one_message_end_as_success_and_both_stand_in_the_ledger",
    why="The rank rule is the engine's, the same for every adapter.",
)
NOT_TO_B = Elsewhere(
    file="tests/dispatch/test_fallback.py",
    test="test_who_is_definitely_not_reached_goes_on_and_a_doubt_never_does",
    why="What follows whom is the engine's, by the state of a dispatch; that the state is right is this table.",
)
E_SAYS: dict[str, object] = {
    "E1": _e1, "E2": _e2, "E3": _e3, "E4": _e4, "E5": _e5, "E6": _e6, "E7": _e7, "E8": _e8, "E9": _e9, "E10": _e10,
    "E11": _e11, "E12": _e12, "E13": _e13, "E14": _e14, "E15": _e15, "E16": RANKS, "E17": NOT_TO_B, "E18": _e18,
    "E19": _e19, "E24": _e24,
    "E20": "What a provider multiplies on its own road shows in nobody's book but its bill; a receipt for it is a repeat (F5).",
    "E21": "One request has one recipient, so no answer is about some of several.",
}  # fmt: skip


def cell(row: str, wire: Wire) -> list[Case] | str | Elsewhere:
    """What the table says of a row for a wire."""
    if row == "E22":
        return _e22(wire)
    if row == "E23":
        return _e23(wire)
    said = E_SAYS[row]
    found: list[Case] | str | Elsewhere = said(wire) if callable(said) else said  # type: ignore[assignment]
    if isinstance(found, list) and wire.tongue == "hub" and row not in ("E9", "E10", "E11", "E15"):
        return [
            Case(name=one.name, ends=ACCEPTED, fault=one.fault, do=one.do) for one in found
        ]  # a page is out already
    return found


def _e22(wire: Wire) -> Elsewhere | str:
    if wire.adapter != "loudspeaker":
        return "There is no device at the other end."
    return Elsewhere(
        file="tests/channel/test_loudspeaker.py",
        test="test_the_same_bulletin_again_is_the_same_package_byte_for_byte",
        why="A station plays a package, and a lost answer or a replay gives it the same package at the same path.",
    )


def _e23(wire: Wire) -> Elsewhere | str:
    if wire.adapter == "feed":
        return Elsewhere(
            file="tests/channel/test_feed.py",
            test="test_a_full_disk_is_tried_again_and_half_a_feed_is_completed",
            why="Old feed or new feed, never half.",
        )
    if wire.adapter == "loudspeaker":
        return Elsewhere(
            file="tests/channel/test_loudspeaker.py", test="test_a_package_appears_whole_or_not_at_all",
            why="The folder is renamed into place.",
        )  # fmt: skip
    return "It writes no files for others to read."


def covered() -> dict[tuple[str, str], object]:
    """(row of group E, wire) -> its cell."""
    return {(row, name): cell(row, wire) for row in ROWS_E for name, wire in WIRES.items()}

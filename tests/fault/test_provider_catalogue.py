"""Every fault of group E against every way out, generated from one table and judged by the other side's own book.

Never sent twice; unknown when it may have left; the right state when it is definite; the lane pauses, and nobody is burnt,
when it is a matter of settings; and at the end our word is the book's word.
"""

from __future__ import annotations

import ast
import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from broadcaster.channel import registry
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.simulator.faults import Fault
from tests.fault import catalogue, certificates
from tests.fault.catalogue import ACCEPTED, FAILED, PAUSED, RETRY, UNKNOWN, WAITS, Case, Elsewhere
from tests.fault.wires import WIRES, Bed, Listener, Wire, bed_of, published

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
TABLE = catalogue.covered()
PLAYED = [key for key, found in TABLE.items() if isinstance(found, list)]
ELSEWHERE = sorted({(one.file, one.test) for one in TABLE.values() if isinstance(one, Elsewhere)})
STATE = {
    UNKNOWN: "unknown",
    RETRY: "retry_wait",
    WAITS: "planned",
    PAUSED: "planned",
    FAILED: "failed",
    ACCEPTED: "accepted",
}
WELL_AGAIN = ("accepted", "delivered")
LOCKS: dict[str, tuple[str, Any]] = {  # the simulator's own list of whom it knows, and a list on which we are not
    "twilio": ("_tokens", {}), "esms": ("_keys", {}), "speedsms": ("_tokens", frozenset()), "kannel": ("_users", {}),
    "telegram": ("_tokens", set()), "zalo-oa": ("_open", set()), "facebook-page": ("_tokens", ()),
    "webhook": ("_keys", [b"x" * 24]), "loudspeaker": ("_tokens", ("another",)),
}  # fmt: skip
NO_LOGIN = Fault(do="refuse", code=530, text="5.7.0 Authentication required")
SHORT, LONG = 0.6, 5.0  # seconds a request may take: where a case waits for the end of them, and where none does
STALL = 2.0  # seconds; a handshake has half of it, and a busy machine must be able to tell the two ends apart
BY_ITSELF = ("tls:", "dns:", "proxy", "no-starttls", "other-key", "other-password")  # another road than the bed's own


@pytest.mark.parametrize(("row", "wire"), PLAYED, ids=[f"{row}-{wire}" for row, wire in PLAYED])
async def test_a_fault_ends_as_the_table_says_and_the_other_sides_book_agrees(
    row: str,
    wire: str,
    sqlite_database: Database,
    clock: SteppedClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    authority: certificates.Authority,
) -> None:
    cases = TABLE[row, wire]
    assert isinstance(cases, list)
    together = [case for case in cases if not case.do.startswith(BY_ITSELF)]
    place = Place(WIRES[wire], sqlite_database, clock, tmp_path, monkeypatch, authority)
    patience = SHORT if row in ("E4", "E19") else LONG

    if together:
        async with place.bed(timeout=patience) as bed:
            bed.give()  # a message before, which some answers are about
            await bed.settle()
            for case in together:
                await meet(bed, case)
    for case in cases:
        if case.do.startswith(BY_ITSELF):
            await meet_on_another_road(place, case)


def test_every_row_of_the_catalogue_has_a_cell_for_every_installed_adapter() -> None:
    ours = [name for name in registry.names() if registry.adapter(name).__module__.startswith("broadcaster.")]

    empty = [key for key, found in TABLE.items() if not found]
    short = [key for key, found in TABLE.items() if isinstance(found, str) and not found.endswith(".")]

    assert {wire.adapter for wire in WIRES.values()} | catalogue.NO_WIRE.keys() == set(ours)
    assert {row for row, _ in TABLE} == set(catalogue.ROWS_E)
    assert (empty, short) == ([], [])


@pytest.mark.parametrize(("file", "test"), ELSEWHERE)
def test_what_the_table_says_is_tested_elsewhere_is_tested_there(file: str, test: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

    names = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}

    assert test in names


# -- one case ----------------------------------------------------------------------------------------------------------


async def meet(bed: Bed, case: Case) -> None:
    """A dispatch meets the fault; then the other side is well again, and what is left is settled."""
    heal = await prepare(bed, case)
    mark, pages = bed.mark, published_by(bed)
    n = {"lock": 6, "lock-after": 3, "poison": 4}.get(case.do, 1)
    mine = bed.give(n, to=[previous(bed)] if case.do == "old" and bed.unit != "public" else ())
    if case.do.startswith("beside"):
        assert set(await bed.beside(20)) == {"accepted"}, case.name
    await bed.run()
    if case.do == "no-receipt":
        bed.clock.move_by(timedelta(days=2))
        await bed.run()

    check_first(bed, case, mine, mark)

    await heal()
    if bed.paused:
        bed.resume()
    await bed.settle()
    check_last(bed, case, mine, bed.taken(mark), pages)


def check_first(bed: Bed, case: Case, mine: list[int], mark: int) -> None:
    """How it stands while the fault lasts."""
    states = bed.states(mine)
    allowed = {STATE[end] for end in case.ends.split(" or ")}
    if case.do == "poison":
        assert states[0] in allowed, (case.name, states)
        assert set(states[1:]) == {"accepted"}, (case.name, states)
    else:
        assert set(states) <= allowed, (case.name, states, bed.rows("SELECT outcome, code FROM attempt")[-1:])
    assert bool(bed.paused) is (case.ends == PAUSED), (case.name, bed.paused)
    if case.ends == WAITS:
        assert bed.lane.wakes_at is not None, case.name
        wait = bed.lane.wakes_at - bed.clock.now()
        assert timedelta(0) < wait <= timedelta(hours=1), (case.name, wait)
        assert {row.attempts for row in bed.rows("SELECT attempts FROM dispatch WHERE id = :i", i=mine[0])} <= {0, 1}
    if bed.wire.tongue != "hub":
        assert len(bed.taken(mark)) <= len(mine), case.name


def check_last(bed: Bed, case: Case, mine: list[int], taken: list[Any], pages: int) -> None:
    """How it stands at the end, against the book."""
    states = bed.states(mine)
    if bed.wire.tongue == "hub":
        assert (states, published_by(bed)) == (["accepted"] * len(mine), pages + len(mine)), case.name
        return
    assert len(taken) <= len(mine), (case.name, "sent twice")
    reached = sum(state in WELL_AGAIN for state in states)
    doubtful = states.count("unresolved")
    assert reached <= len(taken) <= reached + doubtful, (case.name, states, len(taken))
    assert set(states) <= {*WELL_AGAIN, "unresolved", "failed"}, (case.name, states)
    if case.ends in (RETRY, WAITS, PAUSED, ACCEPTED):  # certainly not sent before: now it is
        assert reached == len(mine), (case.name, states)
    assert bed.faults_of_the_ledger() == []
    assert not bed.secrets_in_rows()


async def prepare(bed: Bed, case: Case) -> Any:
    """Let the fault begin; returns what ends it."""

    async def calm() -> None:
        bed.play()

    if case.do == "down":
        bed.other._port = int(bed.other.url.rpartition(":")[2])
        await bed.other.stop()
        return bed.other.start
    if case.do == "lock-after":
        before = bed.give()
        await bed.settle()
        assert bed.states(before) == ["accepted"]
    if case.do.startswith("lock"):
        return lock(bed)
    if case.do == "revoke":
        bed.other.revoke()
    elif case.do in ("stall", "beside stall"):
        bed.other.hold = True
    elif case.do == "cut-transfer":
        bed.other.cut_after = 6000  # bytes: past the handshake and the log-in, within the first files
    elif case.do == "old":
        bed.give()
        await bed.settle()
        bed.play(Fault(do="old-after"))
    elif case.do == "poison":
        assert case.fault
        bed.play(Fault(do=case.fault.do, to=bed.wire.in_book(bed.wire.to(bed._people + 1))))
    elif case.do.startswith("redirect:") and case.fault:
        place = "http://169.254.169.254/latest/" if "cloud" in case.do else f"{bed.other.url}/elsewhere"
        bed.play(Fault(do="redirect", status=case.fault.status, location=place))
    elif case.fault:
        bed.play(case.fault)
    return calm


def lock(bed: Bed) -> Any:
    """The other side no longer knows us; returns what lets us in again."""
    if bed.wire.tongue == "smtp":
        bed.play(NO_LOGIN)
    else:
        name, nobody = LOCKS[bed.wire.adapter]
        known = getattr(bed.other, name)
        setattr(bed.other, name, nobody)
        if bed.wire.adapter == "zalo-oa":
            bed.other.revoke()

    async def open_again() -> None:
        if bed.wire.tongue == "smtp":
            bed.play()
        else:
            setattr(bed.other, name, known)

    return open_again


def previous(bed: Bed) -> str:
    return bed.wire.to(bed._people)


def published_by(bed: Bed) -> int:
    return published(bed.channel._folder.parent.parent) if bed.wire.tongue == "hub" else 0  # type: ignore[attr-defined]


# -- another road ------------------------------------------------------------------------------------------------------


class Place:
    """What a bed is made of."""

    def __init__(
        self, wire: Wire, database: Database, clock: SteppedClock, folder: Path, patch: pytest.MonkeyPatch,
        authority: certificates.Authority,
    ) -> None:  # fmt: skip
        self.wire, self.database, self.clock, self.folder = wire, database, clock, folder
        self.patch, self.authority = patch, authority
        self._made = 0

    @asynccontextmanager
    async def bed(self, **said: Any) -> AsyncIterator[Bed]:
        self._made += 1
        async with bed_of(
            self.wire, self.database, self.clock, self.folder, self.patch, ground=self._made == 1, **said
        ) as made:
            yield made


async def meet_on_another_road(place: Place, case: Case) -> None:
    what, _, which = case.do.partition(":")
    with pytest.MonkeyPatch.context() as patch:
        place.patch = patch
        async with road(place, what, which, patch) as bed:
            mark, pages = bed.mark, published_by(bed)
            mine = bed.give()
            await bed.run()

            states = bed.states(mine)
            ends = ACCEPTED if bed.wire.tongue == "hub" else case.ends
            assert states == [STATE[ends]], (case.name, bed.rows("SELECT outcome, code FROM attempt")[-1:])
            assert bool(bed.paused) is (ends == PAUSED), (case.name, bed.paused)
            if bed.wire.tongue == "hub":
                assert published_by(bed) == pages + 1
                assert bool(bed.taken(mark)) is (case.ends == ACCEPTED), case.name
            else:
                assert len(bed.taken(mark)) == (case.ends == ACCEPTED), case.name
            assert not bed.secrets_in_rows()
            bed.retire(mine)


@asynccontextmanager
async def road(place: Place, what: str, which: str, patch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    """A bed whose channel is led where the case says."""
    secure = {"security": "tls", "ca_file": str(place.authority.file)} if place.wire.adapter == "email" else {}
    match what:
        case "tls" if which == "stall":
            there = silent()
            async with (
                there as port,
                place.bed(base=url_of(place.wire, "127.0.0.1", port), timeout=STALL, **secure) as bed,
            ):
                yield bed
        case "tls":
            place.authority.trusted(patch)
            async with place.bed(tls=place.authority.server(which), **secure) as bed:
                yield bed
        case "dns":
            resolve(patch, which)
            host = "portal.example" if which == "private" else "khong-co.invalid"
            own: dict[str, Any] = {"allow_private": False} if which == "private" else {}
            base = url_of(place.wire, host, 9)
            own |= {"sftp_host": host} if place.wire.tongue == "ssh" else {}
            async with place.bed(base=base, **own) as bed:
                yield bed
        case "proxy":
            async with silent() as port:
                for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
                    patch.setenv(name, f"http://127.0.0.1:{port}")
                async with place.bed() as bed:
                    yield bed
        case "no-starttls":
            async with place.bed(host="127.0.0.2") as bed:
                yield bed
        case "other-key":
            async with place.bed(sftp_host_key="ecdsa-sha2-nistp256 AAAA") as bed:
                yield bed
        case "other-password":
            async with place.bed(sftp_user="nobody") as bed:
                yield bed


def resolve(patch: pytest.MonkeyPatch, how: str) -> None:
    """What the machine's resolver says of every name."""

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or name.replace(".", "").isdecimal():
            return real(host, port, *rest, **more)
        if how == "private":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]
        raise socket.gaierror(socket.EAI_AGAIN if how == "fails" else socket.EAI_NONAME, "no")

    real = socket.getaddrinfo
    patch.setattr(socket, "getaddrinfo", getaddrinfo)


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port where somebody listens and says nothing."""

    async def hear(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    listener = Listener(hear)
    port = await listener.open()
    try:
        yield port
    finally:
        await listener.close()


def url_of(wire: Wire, host: str, port: int) -> str:
    scheme = {"smtp": "smtp", "ssh": "sftp"}.get(wire.tongue, "https")
    return f"{scheme}://{host}:{port}"


@lru_cache(maxsize=1)
def _authority(folder: Path) -> certificates.Authority:
    return certificates.make(folder)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> certificates.Authority:
    return _authority(tmp_path_factory.mktemp("authority"))

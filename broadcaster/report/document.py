"""The official report as a document before it is a file: head, parts, tables, signature. Pure.

Layout after Decree 30/2020/ND-CP, Appendix I; the DOCX and the PDF are two renderings of the same value, so that they
cannot differ. Vietnamese is the original; `say` gives the English edition the same figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256

import msgspec

from broadcaster.dispatch.dispatch import State
from broadcaster.report.area import Area, Work
from broadcaster.report.figures import Count, Figures, days_of
from broadcaster.report.form import heading
from broadcaster.report.narrative import Narrative
from broadcaster.report.sheet import remarks
from broadcaster.report.words import VI, Speech

NATION = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
MOTTO = "Độc lập - Tự do - Hạnh phúc"
TITLE = "BÁO CÁO"
SEAL = "broadcaster_"
SEALED = 28  # hex digits; a bookmark's name has at most 40 characters in Word
_ENCODE = msgspec.json.Encoder(order="sorted").encode
MISSING = "(Nội dung do cơ quan bổ sung.)"
UNAPPROVED = "Chưa có bản được duyệt"  # of a planned message that nobody approved in time
NUMERIC = re.compile(r"[<≥+\-]?\d[\d.,]*(/\d[\d.,]*)?( [A-Z]{3})?")

CATEGORIES: dict[str, str] = {
    "hotline": "Đường dây nóng",
    "victims-rights": "Quyền của nạn nhân, hỗ trợ",
    "criminal-tactics": "Thủ đoạn của tội phạm, nhóm nguy cơ",
    "law-policy": "Chủ trương, chính sách, pháp luật",
    "investigation-trial": "Điều tra, truy tố, xét xử",
    "commendation": "Biểu dương tập thể, cá nhân",
}

# What a reader of a report tells apart; every state of a dispatch is in exactly one of them.
COLUMNS: tuple[tuple[str, tuple[State, ...]], ...] = (
    ("Đã nhận", (State.ACCEPTED,)),
    ("Đã đến", (State.DELIVERED,)),
    ("Không đến, bị từ chối", (State.UNDELIVERED, State.FAILED)),
    ("Không gửi", (State.EXPIRED, State.CANCELLED, State.SUPPRESSED)),
    ("Chưa xác định", (State.UNRESOLVED, State.UNKNOWN)),
    ("Còn chờ", (State.PLANNED, State.SENDING, State.RETRY_WAIT)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What stands above and below the text; from `[report]` and `[office]` of config.toml."""

    parent: str
    office: str
    symbol: str  # after "Số:    /", like "BC-SVHTTDL"
    place: str
    authority: str  # "KT. GIÁM ĐỐC", "" if the head signs
    title: str  # of who signs
    signer: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells are text as printed; those that are numbers are set to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: bool = False  # whether the last row is the sum of the others
    shares: tuple[int, ...] = ()  # of the columns in the width; () = the first is wide, the others alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    heading: str
    paragraphs: tuple[str, ...] = ()
    table: Table | None = None
    bars: tuple[tuple[str, int], ...] = ()  # a chart of the same figures as a table beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    head: Letterhead
    number: str  # "" while it has none
    day: date | None  # of the signature; None leaves the place to write it
    subject: str
    notes: tuple[str, ...]
    parts: tuple[Part, ...]
    annex: tuple[Table, ...]
    title: str = TITLE  # "" of a letter: its subject stands below its number instead
    language: str = "vi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Up to where the figures were taken: with it anybody can take them again."""

    at: datetime  # aware, in the office's zone
    entries: int  # of the ledger then
    root: str  # hex, of the ledger's tree then


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One form of work beside the dispatches, added up."""

    form: str
    times: int
    units: int
    minutes: int
    participants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """What one carrier reported of a text to everybody; its own counts."""

    name: str
    asked: int
    reached: int
    failed: int
    since: date
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """How many places are on the office's list, and of how many there are figures."""

    places: int
    told: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a report says beside the dispatches; empty parts are left out of it."""

    activities: tuple[Activity, ...] = ()
    at_risk: tuple[tuple[str, str], ...] = ()  # group -> its count as it may be printed
    carriers: tuple[Carrier, ...] = ()
    areas: tuple[Area, ...] = ()
    works: tuple[Work, ...] = ()
    owed: Owed | None = None
    cost: Table | None = None
    doubled: int = 0  # entries of the register that may have been entered twice
    further: tuple[Table, ...] = ()  # for the annex


def document(
    figures: Figures,
    *,
    head: Letterhead,
    since: date,
    until: date,
    beside: Beside,
    narrative: Narrative,
    cut: Cut,
    number: str = "",
    day: date | None = None,
    say: Speech = VI,
) -> Document:
    """Put the figures into the order of an official report. Says nothing that is neither a figure nor written by the office."""
    results = (
        _by(figures, "1. Theo nội dung tuyên truyền", "Lượt gửi theo nội dung", "Nội dung", _contents(figures, say), say),
        _by(figures, "2. Theo hình thức thông tin cơ sở", "Lượt gửi theo hình thức (Nghị định số 49/2024/NĐ-CP)",
            "Hình thức", {say(heading(k)): v for k, v in figures.by_form.items()}, say),
        *_work(beside, say),
        _time(figures, say),
        *_where(beside, say),
        Part(heading=say("6. Chi phí"), paragraphs=(_cost(figures, say),), table=beside.cost),
    )  # fmt: skip
    missing = (say(MISSING),)
    parts = (
        Part(
            heading=say("I. TÌNH HÌNH TRIỂN KHAI"),
            paragraphs=(_summary(figures, since, until, say), *narrative.opening),
        ),
        Part(heading=say("II. KẾT QUẢ")),
        *results,
        Part(heading=say("III. ĐÁNH GIÁ"), paragraphs=(*_evaluation(figures, say), *(narrative.evaluation or missing))),
        Part(
            heading=say("IV. KHÓ KHĂN, VƯỚNG MẮC"),
            paragraphs=(*_difficulties(figures, say), *(narrative.difficulties or missing)),
        ),
        Part(heading=say("V. ĐỀ XUẤT, KIẾN NGHỊ"), paragraphs=narrative.proposals or missing),
    )
    return Document(
        head=head,
        number=number,
        day=day,
        title=say(TITLE),
        subject=say("Kết quả thực hiện {title}", title=lower_first(figures.standing.title)),
        notes=_notes(figures, beside, say),
        parts=_numbered_parts(parts, say),
        annex=numbered(_annex(figures, beside, cut, say), say("Phụ lục")),
        language=say.language,
    )


def numbered(tables: Iterable[Table], word: str) -> tuple[Table, ...]:
    """Those that have rows, their captions counted: "Phụ lục 2. ..."."""
    kept = [one for one in tables if one.rows]
    return tuple(replace(one, caption=f"{word} {n}. {one.caption}") for n, one in enumerate(kept, 1))


def _numbered_parts(parts: Sequence[Part], say: Speech) -> tuple[Part, ...]:
    tables = iter(numbered((part.table for part in parts if part.table), say("Bảng")))
    return tuple(
        replace(part, table=next(tables)) if part.table and part.table.rows else replace(part, table=None)
        for part in parts
    )


def _annex(figures: Figures, beside: Beside, cut: Cut, say: Speech) -> tuple[Table, ...]:
    return (
        _counts("Lượt gửi theo ngày", "Ngày", _days(figures, say), say),
        _counts("Lượt gửi theo tuần", "Tuần", _weeks(figures, say), say),
        _counts("Lượt gửi theo kênh", "Kênh", figures.by_channel.items(), say),
        _counts("Lượt gửi theo lịch phát", "Lịch phát", figures.by_schedule.items(), say),
        _counts("Lượt gửi theo địa bàn", "Địa bàn", ((place(one, say), one.count) for one in beside.areas), say),
        _works(beside.works, say),
        _sources(figures, beside, cut, say),
        *beside.further,
    )


def place(found: Area | Work, say: Speech = VI) -> str:
    """ "Lạng Sơn, xã Tân Thanh"; a commune the office's list does not name stands alone."""
    return f"{found.province}, {found.name}" if found.province else say(found.name)


def canonical(document: Document) -> bytes:
    """The bytes that stand for what a report says."""
    return _ENCODE(document)


def seal(document: Document) -> str:
    """What a file of the report carries, so that it can be recognised when it comes back; the beginning of its digest."""
    return f"{SEAL}{sha256(canonical(document)).hexdigest()[:SEALED]}"


def digest_in(text: str) -> str | None:
    """The beginning of the digest out of a seal, wherever it stands in the text."""
    found = re.search(rf"{SEAL}([0-9a-f]{{{SEALED}}})", text)
    return found[1] if found else None


def numeric(cell: str) -> bool:
    """Whether a cell is a number or an amount, and stands to the right."""
    return NUMERIC.fullmatch(cell) is not None


# -- parts ------------------------------------------------------------------------------------------------------------


def _taken(count: Count) -> int:
    return count.states[State.ACCEPTED] + count.states[State.DELIVERED]


def _summary(figures: Figures, since: date, until: date, say: Speech) -> str:
    total = figures.total
    return say(
        "Trong thời gian {period}, cơ quan đã lập {planned} lượt gửi [H1]; {taken} lượt được nhà cung cấp nhận [H2], trong đó "
        '{delivered} lượt có xác nhận đã đến [H3]. "Đã nhận" không có nghĩa là người nhận đã đọc.',
        period=say("từ ngày {since} đến ngày {until}", since=say.day(since), until=say.day(until)),
        planned=say.number(total.planned),
        taken=say.number(_taken(total)),
        delivered=say.number(total.states[State.DELIVERED]),
    )


def _notes(figures: Figures, beside: Beside, say: Speech) -> tuple[str, ...]:
    found = [] if say.language == "vi" else [say("(Bản tiếng Anh; bản tiếng Việt là bản chính.)")]
    if not figures.complete:
        found.append(say("SỐ LIỆU TẠM THỜI, chưa phải số liệu cuối cùng."))
    found += remarks(figures, say)
    if beside.doubled:
        found.append(say("{n} mục trong sổ hoạt động có thể đã ghi hai lần.", n=say.number(beside.doubled)))
    return tuple(found)


def _contents(figures: Figures, say: Speech) -> dict[str, Count]:
    return {say(CATEGORIES.get(k, k or UNAPPROVED)): v for k, v in figures.by_category.items()}


def _by(figures: Figures, title: str, caption: str, first: str, counts: Mapping[str, Count], say: Speech) -> Part:
    """A table, and the sentence that its largest row gives."""
    said = {
        "Nội dung": "Nội dung có nhiều lượt gửi nhất: {name} ({n} lượt, {share}% tổng số).",
        "Hình thức": "Hình thức có nhiều lượt gửi nhất: {name} ({n} lượt, {share}% tổng số).",
    }[first]
    most = max(counts.items(), key=lambda one: one[1].planned, default=None)
    sentences: tuple[str, ...] = ()
    if most and most[1].planned and len(counts) > 1:
        n, share = most[1].planned, say.share(most[1].planned, figures.total.planned)
        sentences = (say(said, name=most[0], n=say.number(n), share=share),)
    return Part(heading=say(title), paragraphs=sentences, table=_counts(caption, first, counts.items(), say))


def _work(beside: Beside, say: Speech) -> Iterable[Part]:
    title = say("3. Hoạt động trực tiếp và trên đài truyền thanh")
    if beside.activities:
        yield Part(heading=title, table=work_table(beside.activities, say))
    else:
        yield Part(heading=title, paragraphs=(say("Sổ hoạt động chưa ghi hoạt động nào."),))
    if beside.at_risk:
        head = (say("Nhóm nguy cơ"), say("Lượt người dự"))
        note = say('Số người thuộc nhóm nguy cơ dưới 5 được ghi là "<5"; tổng nào để lộ số đó được ghi là "≥".')
        rows = tuple((name, say.count(n)) for name, n in beside.at_risk)
        table = Table(caption=say("Người dự thuộc nhóm nguy cơ [H4]"), head=head, rows=rows, shares=(3, 1))
        yield Part(heading="", paragraphs=(note,), table=table)
    if beside.carriers:
        yield Part(heading="", table=_carriers(beside.carriers, say))


def work_table(activities: Sequence[Activity], say: Speech = VI) -> Table:
    """Activities by form. Units of different forms are different things, so there is no sum."""
    rows = tuple(
        (one.form, *map(say.number, (one.times, one.units, one.minutes, one.participants))) for one in activities
    )
    head = ("Hình thức", "Số lần", "Số lượng", "Số phút", "Lượt người dự")
    return Table(caption=say("Hoạt động đã ghi [H4]"), head=tuple(map(say, head)), rows=rows)


def _carriers(found: Sequence[Carrier], say: Speech) -> Table:
    rows = [
        (
            one.name, say.number(one.asked), say.number(one.reached), say.number(one.failed), say.short_day(one.since),
            say.short_day(one.until),
        )
        for one in found
    ]  # fmt: skip
    if len(found) > 1:
        sums = (sum(one.asked for one in found), sum(one.reached for one in found), sum(one.failed for one in found))
        rows.append((say("Cộng"), *map(say.number, sums), "", ""))  # type: ignore[arg-type]
    head = ("Doanh nghiệp", "Số thuê bao đã nhắn", "Thành công", "Không thành công", "Bắt đầu", "Kết thúc")
    return Table(
        caption=say("Tin nhắn do doanh nghiệp viễn thông gửi, theo báo cáo của doanh nghiệp [H6]"),
        head=tuple(map(say, head)), rows=tuple(rows), total=len(found) > 1,
    )  # fmt: skip


def _time(figures: Figures, say: Speech) -> Part:
    said = say("Biểu đồ 1. Số lượt gửi theo ngày; số liệu từng ngày ở Phụ lục 1, từng tuần ở Phụ lục 2.")
    bars = tuple((f"{date.fromisoformat(day):%d/%m}", count.planned) for day, count in figures.by_day.items())
    return Part(heading=say("4. Theo thời gian"), paragraphs=(said,) if bars else (), bars=bars)


def _where(beside: Beside, say: Speech) -> Iterable[Part]:
    said = []
    if beside.owed:
        told, places = beside.owed.told, beside.owed.places
        said.append(
            say(
                "{n} xã, phường và đơn vị trong danh sách; {told} đã có số liệu, {missing} chưa có.",
                n=say.number(places), told=say.number(told), missing=say.number(places - told),
            )
        )  # fmt: skip
    if beside.areas or beside.works:
        said.append(say("Số liệu theo địa bàn ở phần phụ lục."))
    yield Part(heading=say("5. Theo địa bàn"), paragraphs=tuple(said) or (say("Chưa có số liệu theo địa bàn."),))


def _works(found: Sequence[Work], say: Speech) -> Table:
    rows = [(place(one, say), *map(say.number, (one.times, one.plays, one.minutes, one.participants))) for one in found]
    if len(found) > 1:
        sums = (
            sum(one.times for one in found), sum(one.plays for one in found), sum(one.minutes for one in found),
            sum(one.participants for one in found),
        )  # fmt: skip
        rows.append((say("Cộng"), *map(say.number, sums)))
    head = ("Địa bàn", "Số lần", "Lượt phát", "Số phút", "Lượt người dự")
    return Table(
        caption=say("Hoạt động theo địa bàn"), head=tuple(map(say, head)), rows=tuple(rows), total=len(found) > 1
    )


def _evaluation(figures: Figures, say: Speech) -> tuple[str, ...]:
    total = figures.total
    if not total.planned:
        return ()
    return (
        say(
            "Nhà cung cấp đã nhận {share}% số lượt gửi theo kế hoạch ({taken}/{planned}) [H2].",
            share=say.share(_taken(total), total.planned), taken=say.number(_taken(total)),
            planned=say.number(total.planned),
        ),
    )  # fmt: skip


def _difficulties(figures: Figures, say: Speech) -> tuple[str, ...]:
    """What did not go as planned, by the figures; nothing when all did."""
    states = figures.total.states
    counted = (
        ("{n} lượt không đến hoặc bị từ chối", states[State.UNDELIVERED] + states[State.FAILED]),
        ("{n} lượt quá hạn, không gửi", states[State.EXPIRED]),
        ("{n} lượt đã hủy", states[State.CANCELLED]),
        ("{n} lượt không gửi theo yêu cầu của người nhận hoặc giới hạn", states[State.SUPPRESSED]),
        ("{n} lượt không xác định được kết quả", states[State.UNRESOLVED] + states[State.UNKNOWN]),
        ("{n} lượt phát phải đính chính", figures.standing.corrected),
    )
    said = "; ".join(say(text, n=say.number(n)) for text, n in counted if n)
    return (say("Theo số liệu: {said} [H8].", said=said),) if said else ()


def _cost(figures: Figures, say: Speech) -> str:
    return say(
        "Chi phí tính từ số phần tin đã được nhận và đơn giá khi gửi: {sums} [H5].",
        sums=_amounts(figures, say, say(" và ")),
    )


def _counts(caption: str, first: str, counts: Iterable[tuple[str, Count]], say: Speech) -> Table:
    found = list(counts)
    rows = [(name, say.number(one.planned), *_columns(one, say)) for name, one in found]
    if len(found) > 1:
        whole = Count(states={state: sum(one.states[state] for _, one in found) for state in State})
        rows.append((say("Cộng"), say.number(whole.planned), *_columns(whole, say)))
    head = (first, "Lượt gửi", *(name for name, _ in COLUMNS))
    return Table(caption=say(caption), head=tuple(map(say, head)), rows=tuple(rows), total=len(found) > 1)


def _days(figures: Figures, say: Speech) -> Iterable[tuple[str, Count]]:
    return ((say.short_day(date.fromisoformat(day)), count) for day, count in figures.by_day.items())


def _weeks(figures: Figures, say: Speech) -> Iterable[tuple[str, Count]]:
    return ((week_shown(week, say), count) for week, count in figures.by_week.items())


def week_shown(week: str, say: Speech = VI) -> str:
    """ "28/06 - 04/07/2027" """
    monday, sunday = days_of(week)
    return f"{monday:%d/%m} - {say.short_day(sunday)}" if say.language == "vi" else f"{monday} - {sunday:%m-%d}"


def _columns(count: Count, say: Speech) -> tuple[str, ...]:
    return tuple(say.number(sum(count.states[state] for state in states)) for _, states in COLUMNS)


def _sources(figures: Figures, beside: Beside, cut: Cut, say: Speech) -> Table:
    """Where each figure comes from, so that anybody can count it again."""
    total = figures.total
    rows = [
        ("H1", say("Tổng lượt gửi của chiến dịch {campaign}: mục broadcast.expand và broadcast.expire",
                   campaign=figures.standing.campaign), say.number(total.planned)),
        ("H2", say("Mục attempt.result, attempt.reconcile, attempt.receipt có kết quả accepted hoặc delivered"),
         say.number(_taken(total))),
        ("H3", say("Mục attempt.receipt có kết quả delivered"), say.number(total.states[State.DELIVERED])),
        ("H4", say("Mục activity.add và bulletin.confirm, và phần đính chính của chúng"), say("xem mục II.3")),
        ("H5", say("Số phần tin (parts) nhân đơn giá (price) của từng mục được nhận"), _amounts(figures, say, "; ")),
    ]  # fmt: skip
    if beside.carriers:
        rows.append(("H6", say("Mục carrier.reply, và phần đính chính của chúng"), say("xem mục II.3")))
    if beside.cost:
        rows.append(
            ("H7", say("Mục statement.check: bảng kê của nhà cung cấp, theo mã băm của tệp"), say("xem mục II.6"))
        )
    if _difficulties(figures, say):
        rows.append(
            ("H8", say("Mục attempt.result, dispatch.close, broadcast.expire, broadcast.cancel, correction.begin"),
             say("xem mục II.1"))
        )  # fmt: skip
    rows.append(
        (say("Mốc"), say("Nhật ký phát tin có {n} mục lúc {at}; gốc cây {root}", n=say.number(cut.entries),
                         at=f"{cut.at:%H:%M:%S %z}, {say.short_day(cut.at.date())}", root=cut.root[:32]), "")
    )  # fmt: skip
    head = ("Mã", "Mục nhật ký", "Số liệu")
    return Table(caption=say("Nguồn của từng số liệu"), head=tuple(map(say, head)), rows=tuple(rows), shares=(1, 6, 2))


def _amounts(figures: Figures, say: Speech, between: str) -> str:
    return between.join(say.money(one.shown()["amount"], one.currency) for one in figures.costs)


def lower_first(text: str) -> str:
    """A title inside a sentence; one that opens with an abbreviation keeps it."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]

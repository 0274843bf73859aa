"""The official report as a document before it is a file: head, parts, tables, signature. Pure.

Layout after Decree 30/2020/ND-CP, Appendix I; the DOCX and the PDF are two renderings of the same value, so that they
cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

import msgspec

from broadcaster.content.written import day_of, money_of, number_of
from broadcaster.dispatch.dispatch import State
from broadcaster.report.figures import Count, Figures
from broadcaster.report.form import heading
from broadcaster.report.narrative import Narrative
from broadcaster.report.sheet import remarks

NATION = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
MOTTO = "Độc lập - Tự do - Hạnh phúc"
TITLE = "BÁO CÁO"
SEAL = "broadcaster_"
SEALED = 28  # hex digits; a bookmark's name has at most 40 characters in Word
_ENCODE = msgspec.json.Encoder(order="sorted").encode
MISSING = "(Nội dung do cơ quan bổ sung.)"
UNAPPROVED = "Chưa có bản được duyệt"  # of a planned message that nobody approved in time

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
    """Cells are text as printed; columns after the first are numbers, set to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


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


def document(
    figures: Figures,
    *,
    head: Letterhead,
    since: date,
    until: date,
    categories: Mapping[str, Count],
    activities: Sequence[Activity],
    narrative: Narrative,
    cut: Cut,
    number: str = "",
    day: date | None = None,
) -> Document:
    """Put the figures into the order of an official report. Says nothing that is neither a figure nor written by the office."""
    total = figures.total
    period = f"từ ngày {day_of(since)} đến ngày {day_of(until)}"
    results = (
        Part(
            heading="1. Theo nội dung tuyên truyền",
            table=_counts("Bảng 1. Lượt gửi theo nội dung", "Nội dung",
                          ((CATEGORIES.get(k, k or UNAPPROVED), v) for k, v in categories.items())),
        ),
        Part(
            heading="2. Theo hình thức thông tin cơ sở",
            table=_counts("Bảng 2. Lượt gửi theo hình thức (Nghị định số 49/2024/NĐ-CP)", "Hình thức",
                          ((heading(k), v) for k, v in figures.by_form.items())),
        ),
        _work(activities),
        Part(
            heading="4. Theo thời gian",
            paragraphs=("Biểu đồ 1. Số lượt gửi theo ngày; số liệu từng ngày ở Phụ lục 1.",) if figures.by_day else (),
            bars=tuple((day_of(date.fromisoformat(k))[:5], v.planned) for k, v in figures.by_day.items()),
        ),
        Part(heading="5. Chi phí", paragraphs=(_cost(figures),)),
    )  # fmt: skip
    return Document(
        head=head,
        number=number,
        day=day,
        subject=f"Kết quả thực hiện {lower_first(figures.standing.title)}",
        notes=_notes(figures),
        parts=(
            Part(heading="I. TÌNH HÌNH TRIỂN KHAI", paragraphs=(_summary(figures, period), *narrative.opening)),
            Part(heading="II. KẾT QUẢ"),
            *results,
            Part(heading="III. ĐÁNH GIÁ", paragraphs=narrative.evaluation or (MISSING,)),
            Part(heading="IV. KHÓ KHĂN, VƯỚNG MẮC", paragraphs=narrative.difficulties or (MISSING,)),
            Part(heading="V. ĐỀ XUẤT, KIẾN NGHỊ", paragraphs=narrative.proposals or (MISSING,)),
        ),
        annex=(
            _counts("Phụ lục 1. Lượt gửi theo ngày", "Ngày", _days(figures)),
            _counts("Phụ lục 2. Lượt gửi theo kênh", "Kênh", figures.by_channel.items()),
            _counts("Phụ lục 3. Lượt gửi theo lịch phát", "Lịch phát", figures.by_schedule.items()),
            _sources(figures, total, cut),
        ),
    )  # fmt: skip


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


# -- parts ------------------------------------------------------------------------------------------------------------


def _summary(figures: Figures, period: str) -> str:
    total = figures.total
    taken = total.states[State.ACCEPTED] + total.states[State.DELIVERED]
    return (
        f"Trong thời gian {period}, cơ quan đã lập {number_of(total.planned)} lượt gửi [H1]; "
        f"{number_of(taken)} lượt được nhà cung cấp nhận [H2], trong đó {number_of(total.states[State.DELIVERED])} lượt "
        f"có xác nhận đã đến [H3]. \"Đã nhận\" không có nghĩa là người nhận đã đọc."
    )  # fmt: skip


def _notes(figures: Figures) -> tuple[str, ...]:
    return (*(() if figures.complete else ("SỐ LIỆU TẠM THỜI, chưa phải số liệu cuối cùng.",)), *remarks(figures))


def _work(activities: Sequence[Activity]) -> Part:
    title = "3. Hoạt động trực tiếp và trên đài truyền thanh"
    if not activities:
        return Part(heading=title, paragraphs=("Sổ hoạt động chưa ghi hoạt động nào.",))
    rows = tuple(
        (one.form, *map(number_of, (one.times, one.units, one.minutes, one.participants))) for one in activities
    )
    head = ("Hình thức", "Số lần", "Số lượng", "Số phút", "Lượt người dự")
    return Part(heading=title, table=Table(caption="Bảng 3. Hoạt động đã ghi [H4]", head=head, rows=rows))


def _cost(figures: Figures) -> str:
    sums = " và ".join(f"{money_of(one.shown()['amount'])} {one.currency}" for one in figures.costs)
    return f"Chi phí tính từ số phần tin đã được nhận và đơn giá khi gửi: {sums} [H5]."


def _counts(caption: str, first: str, counts: Iterable[tuple[str, Count]]) -> Table:
    found = list(counts)
    rows = [(name, number_of(one.planned), *_columns(one)) for name, one in found]
    if len(found) > 1:
        whole = Count(states={state: sum(one.states[state] for _, one in found) for state in State})
        rows.append(("Cộng", number_of(whole.planned), *_columns(whole)))
    return Table(caption=caption, head=(first, "Lượt gửi", *(name for name, _ in COLUMNS)), rows=tuple(rows))


def _days(figures: Figures) -> Iterable[tuple[str, Count]]:
    return ((day_of(date.fromisoformat(day)), count) for day, count in figures.by_day.items())


def _columns(count: Count) -> tuple[str, ...]:
    return tuple(number_of(sum(count.states[state] for state in states)) for _, states in COLUMNS)


def _sources(figures: Figures, total: Count, cut: Cut) -> Table:
    """Where each figure comes from, so that anybody can count it again."""
    campaign = figures.standing.campaign
    rows = (
        ("H1", f"Tổng lượt gửi của chiến dịch {campaign}: mục broadcast.expand và broadcast.expire", number_of(total.planned)),
        ("H2", "Mục attempt.result, attempt.reconcile, attempt.receipt có kết quả accepted hoặc delivered",
         number_of(total.states[State.ACCEPTED] + total.states[State.DELIVERED])),
        ("H3", "Mục attempt.receipt có kết quả delivered", number_of(total.states[State.DELIVERED])),
        ("H4", "Mục activity.add và bulletin.confirm, và phần đính chính của chúng", "xem Bảng 3"),
        ("H5", "Số phần tin (parts) nhân đơn giá (price) của từng mục được nhận", _amounts(figures)),
        ("Mốc", (f"Nhật ký phát tin có {number_of(cut.entries)} mục lúc {cut.at:%H:%M:%S ngày %d/%m/%Y} ({cut.at:%z}); "
                 f"gốc cây {cut.root[:32]}"), ""),
    )  # fmt: skip
    return Table(caption="Phụ lục 4. Nguồn của từng số liệu", head=("Mã", "Mục nhật ký", "Số liệu"), rows=rows)


def _amounts(figures: Figures) -> str:
    return "; ".join(f"{money_of(one.shown()['amount'])} {one.currency}" for one in figures.costs)


# -- how people here write -------------------------------------------------------------------------------------------


def long_day(place: str, day: date | None) -> str:
    """ "Lạng Sơn, ngày 05 tháng 9 năm 2026": a zero before days below 10 and before months 1 and 2."""
    if day is None:
        return f"{place}, ngày     tháng     năm        "
    month = f"{day.month:02d}" if day.month < 3 else str(day.month)
    return f"{place}, ngày {day.day:02d} tháng {month} năm {day.year}"


def lower_first(text: str) -> str:
    """A title inside a sentence; one that opens with an abbreviation keeps it."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]

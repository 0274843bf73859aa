"""The library: messages as their readers will see them, and the editor that writes the same files as a hand does."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from fastapi.responses import FileResponse, Response
from sqlalchemy import Connection

from broadcaster.access.user import Act
from broadcaster.approval import messages
from broadcaster.approval import store as approvals
from broadcaster.approval.policy import Approval
from broadcaster.channel.voice import synthesise
from broadcaster.content import check, editing, files, render, sms
from broadcaster.content import store as contents
from broadcaster.content.fault import Fault, Faulty, errors
from broadcaster.content.item import CATEGORIES, FORMS, Item
from broadcaster.content.preview import Preview, preview
from broadcaster.content.speech import read as read_aloud
from broadcaster.errors import BroadcasterError, Conflict, NotFound, WrongUse
from broadcaster.printing import approved as printed
from broadcaster.printing import press
from broadcaster.printing.piece import Kind, piece
from broadcaster.web.compare import Piece, compare, pieces
from broadcaster.web.desk import Menu, Visit, sentence
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.pages.approvals import CATEGORIES as CATEGORY_WORDS
from broadcaster.web.words import faults, states
from broadcaster.web.words import messages as words

pages = Pages()
MENU = [Menu(path="/messages", label="Thông điệp", order=30)]
HISTORY = 10  # requests shown with their differences
PACE = 140  # words a minute, as the loudspeaker channel reads
SPEAKS_WITHIN = 20.0  # seconds; a long bulletin takes about two
_speaking = threading.Lock()
NEW_PAGE = "new"  # the address of the form for a new message; no message is called so


@pages.get("/messages", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    """Every message, with where its approval stands and what keeps it from going out."""
    library = _library(visit)
    today = check.today(visit.now, visit.config)
    with visit.read() as connection:
        rows = [_row(visit, library, one) for one in messages.standings(connection, library, today=today)]
    asked = {name: visit.request.query_params.get(name, "") for name in ("category", "state", "language")}
    shown = [row for row in rows if _asked(row, asked)]
    unread = sorted({one.path for one in library.faults if not one.warning and one.about not in library.items})
    return visit.page(
        "messages.html", rows=shown, whole=len(rows), asked=asked, unread=unread, today=today,
        categories={key: visit.say(CATEGORY_WORDS[key]) for key in CATEGORIES},
        states={row["state"]: visit.say(states.words(row["state"])) for row in rows},
        tags=sorted({tag for row in rows for tag in row["languages"]}), file_words=words.FILE,
    )  # fmt: skip


# -- writing ----------------------------------------------------------------------------------------------------------


@pages.get("/messages/new", act=Act.MESSAGE_SUBMIT)
def new(visit: Here) -> Response:
    return _editor(visit, "")


@pages.post("/messages/new", act=Act.MESSAGE_SUBMIT, form=new)
def create(visit: Here) -> Response:
    return _taken(visit, "")


@pages.get("/messages/{name}/edit", act=Act.MESSAGE_SUBMIT)
def edit(visit: Here, name: str) -> Response:
    return _editor(visit, name)


@pages.post("/messages/{name}/edit", act=Act.MESSAGE_SUBMIT, form=edit)
def save(visit: Here, name: str) -> Response:
    return _taken(visit, name)


@pages.post("/messages/{name}/look", act=Act.MESSAGE_SUBMIT)
def look(visit: Here, name: str) -> Response:
    """What is typed as its readers will see it, as a part of the page; nothing is kept."""
    known = "" if name == NEW_PAGE else name
    library, opened, item = _opened(visit, known)
    draft = _typed(visit, known, item, strict=False)
    if opened is None:
        raise NotFound("Choose a category and write an id first.")
    try:
        _, seen, beside = _seen(visit, library, opened, draft)
    except BroadcasterError as error:
        return Response(visit.say("Chưa xem trước được: {why}", why=_why(visit, error)), 400, media_type="text/plain")
    return visit.page(
        "message_look.html", languages_here=_languages(draft, visit), seen=seen, beside=beside, forms=words.FORMS,
        told=_told(visit),
    )  # fmt: skip


# -- one message ------------------------------------------------------------------------------------------------------


@pages.get("/messages/{name}", act=Look.SIGNED_IN)
def show(visit: Here, name: str) -> Response:
    """One message as its readers will see it, with its facts, faults, decisions and what can be done."""
    library = _library(visit)
    today = check.today(visit.now, visit.config)
    with visit.read() as connection:
        standing = next((one for one in messages.standings(connection, library, today=today) if one.id == name), None)
        history = approvals.history(connection, messages.KIND, name)
        if standing is None:
            return _unreadable(visit, library, name)
        past = _past(connection, history)
        changes = _changes(connection, library, standing)
    item = standing.item
    found = editing.faults_of(visit.config, library, item, now=visit.now) if item else []
    return visit.page(
        "message.html",
        one=standing, item=item, history=past, changes=changes, today=today, told=_told(visit),
        seen=_previews(visit, library, item) if item else {},
        titles=_titles(library, item) if item else {},
        faults=found, wrong=len(errors(found)),
        facts=[library.facts[key] for key in sorted(render.quoted(item, library.facts))] if item else [],
        category=CATEGORY_WORDS.get(item.category, item.category) if item else "",
        forms=words.FORMS, file_words=words.FILE, why_stale=words.STALE,
        kinds={kind.value: visit.say(words.PRINTS[kind.value]) for kind in Kind},
    )  # fmt: skip


@pages.post("/messages/{name}/submit", act=Act.MESSAGE_SUBMIT, form=show)
def submit(visit: Here, name: str) -> Response:
    """To the approval desk, as the file stands."""
    library = _library(visit)
    item = library.item(name)
    if errors(editing.faults_of(visit.config, library, item, now=visit.now)):
        raise WrongUse("Mend the faults of the message first; each says what to do. Then submit it.")
    with visit.write() as tx:
        contents.refresh_facts(tx, library.folder / files.FACTS, actor=visit.name)
        done = messages.submit(tx, library, item, by=visit.name, two_person=visit.config.approval.two_person)
    told = "{name} đã ở đúng trạng thái này; không có gì mới để trình." if done.unchanged else "Đã trình {name}."
    return visit.go(f"/messages/{name}", visit.say(told, name=name))


@pages.post("/messages/{name}/withdraw", act=Act.MESSAGE_WITHDRAW, form=show)
def withdraw(visit: Here, name: str) -> Response:
    """At once, alone: nothing more of it goes out."""
    only_waiting = visit.form.text("pending") == "yes"
    with visit.write() as tx:
        approvals.withdraw(
            tx, kind=messages.KIND, name=name, by=visit.name, reason=visit.form.text("reason"),
            pending_only=only_waiting,
        )  # fmt: skip
    return visit.go(f"/messages/{name}", visit.say("Đã rút {name}; không gửi nữa.", name=name))


@pages.post("/messages/{name}/print", act=Act.PRINT_MAKE, form=show)
def print_(visit: Here, name: str) -> Response:
    """A piece from the approved revision, to take along."""
    kinds = {kind.value: kind for kind in Kind}
    kind, language, paper = visit.form.text("kind"), visit.form.text("tongue"), visit.form.text("paper", "a4")
    if kind not in kinds or paper not in press.PAPERS:
        raise WrongUse("Choose one of the pieces and papers of the list.")
    with visit.read() as connection:
        said = [printed.approved(connection, visit.config, name, now=visit.now)]
    data = press.made(piece(kinds[kind], said, language=language, office=visit.config.office.name), paper=paper)
    with visit.write() as tx:
        printed.record(tx, visit.name, kinds[kind], said, data, language=language)
    suffix = press.suffix(kinds[kind])
    mime_type = {"pdf": "application/pdf", "png": "image/png"}[suffix]
    return visit.download(data, name=f"{kind}-{name}-{language}.{suffix}", kind=mime_type)


@pages.get("/messages/{name}/audio/{language}", act=Look.SIGNED_IN)
def audio(visit: Here, name: str, language: str) -> Response:
    """The recording that lies beside the message, to listen to."""
    library = _library(visit)
    item = library.item(name)
    found, _ = files.read_media(library, item)
    if language not in found:
        raise NotFound("This message has no recording in that language.")
    return FileResponse(library.folder / item.category / found[language].name, media_type=found[language].mime_type)


@pages.get("/messages/{name}/speech/{language}", act=Look.SIGNED_IN)
def speech(visit: Here, name: str, language: str) -> Response:
    """The speech form as the machine would read it, where there is no recording."""
    library = _library(visit)
    item = library.item(name)
    section = next((one for one in item.sections if (one.language, one.form) == (language, "speech")), None)
    if section is None or language != "vi":
        raise NotFound("The machine reads the Vietnamese speech form only; give the message a recording.")
    text = render.fill(
        section.text, library.facts, language=language, form="speech", path=item.path, line=section.line, about=item.id
    )
    with _speaking:  # one at a time: pages must not wait for voices
        sound = synthesise(read_aloud(text, language).text, name=language, pace=PACE, timeout=SPEAKS_WITHIN)
    return Response(sound, media_type="audio/mpeg")


# -- the editor -------------------------------------------------------------------------------------------------------


def _editor(visit: Visit, name: str) -> Response:
    """The form: with the file's text, or with what was typed."""
    typed = bool(visit.form.values)
    try:
        library, opened, item = _opened(visit, name)
    except BroadcasterError as error:
        if not typed:
            raise
        visit.trouble = visit.trouble or _why(visit, error)  # the file broke meanwhile; what was typed is still shown
        library, opened, item = _library(visit), None, None
    draft = _typed(visit, name, item, strict=False) if typed else _draft(name, item)
    changes: list[tuple[str, list[Piece]]] = []
    moved = typed and opened is not None and visit.form.text("opened") != opened.digest
    if moved and item is not None:
        changes = _against(item, draft)
    seen: Mapping[tuple[str, str], Preview] = {}
    beside = editing.Beside()
    try:
        if opened is not None:
            _, seen, beside = _seen(visit, library, opened, draft)
    except BroadcasterError as error:
        visit.trouble = visit.trouble or _why(visit, error)
    return visit.page(
        "message_edit.html",
        name=name, draft=draft, seen=seen, beside=beside, moved=moved, changes=changes, told=_told(visit),
        opened=opened.digest if opened else editing.NEW, languages_here=_languages(draft, visit), forms=words.FORMS,
        hints=words.HINTS, facts=library.facts.values(),
        categories={key: visit.say(CATEGORY_WORDS[key]) for key in CATEGORIES},
    )  # fmt: skip


def _taken(visit: Visit, name: str) -> Response:
    """What the editor's buttons do: look, add a language, or save."""
    action = visit.form.text("action")
    if action == "language" and not editing.is_language(tag := visit.form.text("language_new")):
        raise WrongUse(f"{tag!r:.40} is no language tag; write one like vi, en or hmn.")
    if action in ("look", "language"):
        return _editor(visit, name)
    library, opened, item = _opened(visit, name)
    draft = _typed(visit, name, item)
    if not name:
        opened = _fresh(visit, library, draft)
    if opened is None:
        raise WrongUse("Choose a category and write an id first.")
    editing.unchanged(replace(opened, digest=visit.form.text("opened")))
    text = editing.compose(opened, draft)
    if text == opened.raw:
        return visit.go(f"/messages/{draft.id}", visit.say("Không có gì thay đổi."))
    with visit.write() as tx:  # first who wrote it: whoever edits may not approve, whatever happens to the file
        contents.record_edit(tx, message_id=draft.id, editor=visit.name)
    editing.replace(opened, text)
    return visit.go(f"/messages/{draft.id}", visit.say("Đã lưu {name}.", name=draft.id))


def _fresh(visit: Visit, library: files.Library, draft: editing.Draft) -> editing.Opened:
    """Raises: WrongUse for an id that cannot be; Conflict for one that is taken."""
    opened = editing.open_(_folder(visit), category=draft.category, id_=draft.id)
    if draft.id in library.items or opened.digest != editing.NEW or draft.id == NEW_PAGE:
        raise Conflict(f"The id {draft.id} is taken; choose another.")
    if not any(text.strip() for text in draft.texts.values()):
        raise WrongUse("The message has no text yet; write one of its forms.")
    return opened


def _opened(visit: Visit, name: str) -> tuple[files.Library, editing.Opened | None, Item | None]:
    """The library, the message's file, and what it says. Raises: NotFound, Faulty."""
    library = _library(visit)
    if name:
        item = library.item(name)
        return library, editing.open_(library.folder, category=item.category, id_=item.id), item
    try:
        category, id_ = visit.form.text("category"), visit.form.text("id")
        found = editing.open_(library.folder, category=category, id_=id_)
    except WrongUse:
        return library, None, None
    return library, replace(found, raw="", digest=editing.NEW), None


def _draft(name: str, item: Item | None) -> editing.Draft:
    if item is not None:
        return editing.draft_of(item)
    return editing.Draft(id=name, category=CATEGORIES[0], source="", titles={"vi": ""}, texts={})


def _typed(visit: Visit, name: str, item: Item | None, *, strict: bool = True) -> editing.Draft:
    """What stands in the form. Raises: WrongUse for a day that is none, if `strict`."""
    form = visit.form
    titles, texts = {}, {}
    for language in form.all("languages")[: editing.LANGUAGES_MOST]:
        if not editing.is_language(language):
            continue
        titles[language] = form.text(f"title.{language}")
        for kind in FORMS:
            texts[language, kind] = form.text(f"text.{language}.{kind}")
    return editing.Draft(
        id=item.id if item else name or form.text("id"),
        category=item.category if item else form.text("category"),
        source=form.text("source"),
        titles=titles,
        texts=texts,
        valid_from=_day(form.text("from"), strict),
        valid_until=_day(form.text("until"), strict),
    )


def _day(text: str, strict: bool) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        if not strict:
            return None
        raise WrongUse("The date is written like 2027-09-20.") from None


def _languages(draft: editing.Draft, visit: Visit) -> list[str]:
    """Those of the message, and the one just asked for."""
    found = dict.fromkeys([*draft.titles, *(language for language, _ in draft.texts)])
    if visit.form.text("action") == "language":
        asked = visit.form.text("language_new")
        found |= {asked: None} if editing.is_language(asked) else {}
    return list(found)[: editing.LANGUAGES_MOST]


def _seen(
    visit: Visit, library: files.Library, opened: editing.Opened, draft: editing.Draft
) -> tuple[Item, dict[tuple[str, str], Preview], editing.Beside]:
    """What the draft would be: its previews, and its faults beside the texts. Raises: Faulty."""
    text = editing.compose(opened, draft)
    library, item = editing.read_again(library, opened, text)
    found = editing.faults_of(visit.config, library, item, now=visit.now)
    return item, _previews(visit, library, item), editing.beside(item, found)


def _against(item: Item, draft: editing.Draft) -> list[tuple[str, list[Piece]]]:
    """How what was typed differs from the file as it is now."""
    now = editing.draft_of(item)
    old = {f"{language} {form}": text for (language, form), text in now.texts.items()}
    new = {f"{language} {form}": text for (language, form), text in draft.texts.items() if text}
    old |= {f"{language} title": title for language, title in now.titles.items()}
    new |= {f"{language} title": title for language, title in draft.titles.items() if title}
    return [
        (key, pieces(old.get(key, ""), new.get(key, "")))
        for key in sorted({*old, *new})
        if render.clean(old.get(key, "")) != render.clean(new.get(key, ""))
    ]


# -- what is shown ----------------------------------------------------------------------------------------------------


def _previews(visit: Visit, library: files.Library, item: Item) -> dict[tuple[str, str], Preview]:
    """(language, form) -> how it will be read or heard; what cannot be filled in is left out, its fault says why."""
    ways, _ = check.ways(visit.config)
    found = {}
    for section in item.sections:
        try:
            text = render.fill(
                section.text, library.facts, language=section.language, form=section.form, path=item.path,
                line=section.line, about=item.id,
            )  # fmt: skip
        except Faulty:
            continue
        found[section.language, section.form] = preview(
            visit.config, ways, language=section.language, form=section.form, text=text,
            has_plain="sms-plain" in item.forms(section.language),
        )  # fmt: skip
    return found


def bubbles(text: str) -> list[list[tuple[str, bool]]]:
    """The parts of an SMS as they are sent, each in runs of (text, whether it forces the dear alphabet)."""
    dear = set(sms.costly(text))
    return [_runs(part, dear) for part in sms.split(text)]


def _runs(text: str, dear: set[str]) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    for char in text:
        if found and found[-1][1] == (char in dear):
            found[-1] = (found[-1][0] + char, found[-1][1])
        else:
            found.append((char, char in dear))
    return found


def _told(visit: Visit) -> dict[str, Any]:
    """What the parts of these pages call."""
    return {"fault": lambda fault: _fault(visit, fault), "bubbles": bubbles, "span": lambda n: _span(visit, n)}


def _span(visit: Visit, seconds: int) -> str:
    if seconds < 60:
        return visit.say("{n} giây", n=seconds)
    return visit.say("{m} phút {s} giây", m=seconds // 60, s=seconds % 60)


def _fault(visit: Visit, fault: Fault) -> str:
    """What is wrong and what to do, in the reader's language where the house knows it."""
    both = f"{fault.text} {fault.remedy}".strip()
    return faults.translate(fault) if visit.language == "vi" else both


def _why(visit: Visit, error: BroadcasterError) -> str:
    if isinstance(error, Faulty):
        return " ".join(_fault(visit, fault) for fault in error.faults[:3])
    return sentence(error, visit.language)


def _titles(library: files.Library, item: Item) -> Mapping[str, str]:
    try:
        return render.titles(item, library.facts)
    except Faulty:
        return item.titles


def _row(visit: Visit, library: files.Library, one: messages.Standing) -> dict[str, Any]:
    item = one.item
    return {
        "id": one.id,
        "title": messages.title_of(library, item, visit.language) if item else one.id,
        "category": item.category if item else "",
        "category_words": CATEGORY_WORDS.get(item.category, item.category) if item else "",
        "languages": list(item.languages) if item else [],
        "state": one.state,
        "file": one.file,
        "stale": one.stale,
        "until": item.valid_until if item else None,
        "verify_by": min((library.facts[name].verify_by for name in render.quoted(item, library.facts)), default=None)
        if item
        else None,
    }


def _asked(row: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    return (
        asked["category"] in ("", row["category"])
        and asked["state"] in ("", row["state"])
        and (not asked["language"] or asked["language"] in row["languages"])
    )


def _past(connection: Connection, history: Iterable[Approval]) -> list[dict[str, Any]]:
    """The last requests, each with how its revision differs from the one before it."""
    newest = list(history)[: HISTORY + 1]
    bodies = [_body(connection, one.subject) for one in newest]
    found = []
    for at, one in enumerate(newest[:HISTORY]):
        before = next((bodies[k] for k in range(at + 1, len(newest)) if newest[k].subject != one.subject), None)
        now = bodies[at]
        found.append(
            {"approval": one, "changes": compare(before, now) if before and now else None, "intact": bool(now)}
        )
    return found


def _body(connection: Connection, revision: str) -> dict[str, Any] | None:
    """None for bytes that are gone or were changed."""
    try:
        return render.decode(contents.canonical(connection, revision))
    except (NotFound, Conflict):
        return None


def _changes(connection: Connection, library: files.Library, one: messages.Standing) -> dict[str, list[Piece]] | None:
    """How the file differs, word by word, from what waits or is in force; None where it does not."""
    base = one.waiting or one.approved
    if one.item is None or base is None or one.file != "edited":
        return None
    before = _body(connection, base.subject)
    return compare(before, render.decode(messages.snapshot_of(library, one.item).canonical)) if before else None


def _unreadable(visit: Visit, library: files.Library, name: str) -> Response:
    """A file that cannot be used: what is wrong with it, where. Raises: NotFound."""
    try:
        library.item(name)
    except Faulty as error:
        found = list(error.faults)
    else:
        raise NotFound(f"No message is called {name!r:.80}.")
    raw = library.raws.get(found[0].path, "")
    return visit.page("message_broken.html", name=name, faults=found, raw=raw, told=_told(visit))


def _library(visit: Visit) -> files.Library:
    return files.load(_folder(visit))


def _folder(visit: Visit) -> Path:
    return visit.config.path(visit.config.folders.content)

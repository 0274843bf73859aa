"""What stands beside the log, for verify.py in the same folder: changed keys, texts, plans, figures, signed reports,
countersignatures, time stamps, proofs.

Python 3.9+, standard library only. Texts and plans must have the hash that was approved; each broadcast must say a text of its
approved revision, from the sender and to the group of its plan or request; a report's figures are counted again from the entries.
Not counted again: the eight forms (which channel is which is a setting), and "planned" apart from "waiting for a retry"."""

# ruff: noqa: E401, E701, I001, UP017, UP035
# fmt: off
from __future__ import annotations
import base64, json, re, sys
from collections import Counter
from datetime import datetime, timezone
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Callable, Iterable
OPEN = ("planned", "sending", "retry_wait", "unknown")  # states of a dispatch; all others are final
PROVEN = ("accepted", "delivered", "undelivered")  # the provider took it
ENDS = {"broadcast.cancel": "cancelled", "broadcast.expire": "expired"}  # before it began
FOLDERS = {"message.submit": "revisions", "campaign.submit": "plans"}  # what was submitted lies here, by its hash
STAMP = re.compile(  # in a TimeStampResp, RFC 3161 2.4.2: version, policy, SHA-256 imprint, serial number, time
    rb"\x02\x01\x01\x06.{2,40}?\x30[\x2f\x31]\x30[\x0b\x0d]\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01(?:\x05\x00)?"
    rb"\x04\x20(.{32})\x02.{2,40}?\x18.(\d{14})(?:\.\d+)?Z", re.DOTALL)
TIME = r"\1-\2-\3 at \4:\5:\6Z"
UNSIGNED = "the authority's signature is not checked here; see README.txt for openssl ts -verify"
ODD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)  # what damaged JSON leads to

def keys_of(lines: Iterable[bytes], key: bytes, signed: Callable[..., bool]) -> tuple[dict[int, bytes], list[str]]:
    """From which number of entries on which key signs; each was signed over by the one before, and `key` is one of them."""
    keys: dict[int, bytes] = {}
    for line in lines:
        if b'"kind":"ledger.key"' not in line: continue
        try:
            e = json.loads(line)
            before = keys[max(keys)] if keys else bytes.fromhex(e["old"])
            said = f"broadcaster ledger key\n{e['origin']}\n{before.hex()}\n{e['key']}\n".encode()
            if not signed(before, said, bytes.fromhex(e["signature"])): raise ValueError
            keys = {**(keys or {0: before}), e["seq"] + 1: bytes.fromhex(e["key"])}
        except ODD: return {0: key}, [f"a change of key is not signed by the old key: {line[:60].decode('utf-8', 'replace')}"]
    unknown = ["the key you gave is none of those that this log was signed with"] if keys and key not in keys.values() else []
    return keys or {0: key}, unknown

def climb(at: int, last: int, start: bytes, path: list[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a proof gives: RFC 9162, 2.1.3.2 (only the second counts) and 2.1.4.2. Raises: ValueError."""
    old = new = start
    for step in path:
        if last == 0: raise ValueError("the path is too long")
        if at & 1 or at == last:
            old, new = sha256(b"\1" + step + old).digest(), sha256(b"\1" + step + new).digest()
            while at and not at & 1: at, last = at >> 1, last >> 1
        else: new = sha256(b"\1" + new + step).digest()
        at, last = at >> 1, last >> 1
    if last: raise ValueError("the path is too short")
    return old, new

def proved(p: dict[str, Any], key: str | None, read_checkpoint: Callable[..., tuple[int, str]]) -> str:
    """What it proves, in words. Raises one of `ODD` if it proves nothing."""
    path, keys = [bytes.fromhex(node) for node in p["path"]], {int(n): bytes.fromhex(one) for n, one in p["keys"].items()}
    size, late = read_checkpoint("", p["checkpoint"].encode(), keys)
    first, early = read_checkpoint("of the smaller log", p.get("from", p["checkpoint"]).encode(), keys)
    if bytes.fromhex(key or p["key"]) != keys[max(n for n in keys if n <= size)]:
        raise ValueError("its checkpoint is signed by another key")
    old, root = base64.b64decode(early), base64.b64decode(late)
    if "entry" in p:
        seq = json.loads(p["entry"])["seq"]
        if not 0 <= seq < size or climb(seq, size - 1, sha256(b"\0" + p["entry"].encode()).digest(), path)[1] != root:
            raise ValueError("the entry does not stand under this checkpoint")
        return f"entry {seq} stands in the signed log of {size} entries: {p['entry']}"
    if first == size: path, good = [], old == root
    else:
        at, last = first - 1, size - 1
        while at & 1: at, last = at >> 1, last >> 1
        start, *rest = [old, *path] if at == 0 else path  # a first size that is a power of two is a node of its own
        good = 0 < first < size and climb(at, last, start, rest) == (old, root)
    if not good: raise ValueError("the second checkpoint is no continuation of the first")
    return f"the signed log of {size} entries continues the one of {first} entries, unchanged"

def proof(path: Path, key: str | None, as_json: bool, read_checkpoint: Callable[..., tuple[int, str]]) -> int:
    """Print what a file of `ledger prove` proves; the exit code."""
    try: good, said = True, proved(json.loads(path.read_bytes()), key, read_checkpoint)
    except (OSError, *ODD) as error: good, said = False, f"it proves nothing: {error}"
    text = f"{said}\n{'OK' if good else 'NOT OK'}"
    if as_json: text = json.dumps({"ok": True, "proved": said} if good else {"ok": False, "faults": [said]})
    sys.stdout.buffer.write(f"{text}\n".encode())
    return 0 if good else 1

class Figures:
    """Counts of dispatches by broadcast, channel and state, and costs, replayed from the entries."""

    def __init__(self) -> None:
        self.where: dict[int, tuple[str, str, str]] = {}  # broadcast -> campaign, schedule, day
        self.rows: dict[tuple[int, str], Counter[str]] = {}  # broadcast, channel -> state -> dispatches
        self.doing: dict[int, tuple[Counter[str], str]] = {}  # dispatch -> its row, its state
        self.of: dict[int, tuple[int, str]] = {}  # dispatch -> broadcast, channel
        self.currency: dict[str, str] = {}  # channel -> of the price in force
        self.spent: Counter[tuple[int, str]] = Counter()  # broadcast, currency -> millionths
        self.late: dict[int, tuple[int, str, int]] = {}  # dispatch -> a cost that other evidence than the answer has shown
        moves = ("attempt.result", "attempt.receipt", "attempt.reconcile", "attempt.orphan",
                 "dispatch.resolve", "dispatch.resend")
        self.rules: dict[str, Callable[[dict[str, Any]], None]] = {
            **dict.fromkeys(moves, self.move), "attempt.intent": self.intent, "broadcast.plan": self.plan,
            "broadcast.expand": self.expand, "broadcast.fallback": self.expand, "dispatch.close": self.close,
            "broadcast.cancel": self.end, "broadcast.expire": self.end, "settings.seen": self.settings,
        }

    def row(self, b: int, channel: str) -> Counter[str]:
        return self.rows.setdefault((b, channel), Counter())

    def plan(self, e: dict[str, Any]) -> None:
        if "campaign" in e: self.where[e["b"]] = e["campaign"], e["schedule"] or "(ad hoc)", e["local"][:10]

    def settings(self, e: dict[str, Any]) -> None:
        if "currency" in e: self.currency[e["channel"]] = e["currency"]

    def expand(self, e: dict[str, Any]) -> None:
        self.row(e["b"], e["channel"]).update(e["states"])

    def end(self, e: dict[str, Any]) -> None:
        if e.get("reason") == "superseded" and "b" in e:  # a newer plan takes it up again, and it is counted then
            for key in [key for key in self.rows if key[0] == e["b"]]: del self.rows[key]
        for channel, n in e.get("channels", {}).items(): self.row(e["b"], channel)[ENDS[e["kind"]]] += n

    def close(self, e: dict[str, Any]) -> None:
        row = self.row(e["b"], e["channel"])
        row.subtract(e["from"])
        row[e["state"]] += e["n"]

    def known(self, e: dict[str, Any]) -> tuple[Counter[str], str]:
        if e["d"] not in self.doing:
            self.of[e["d"]], self.doing[e["d"]] = (e["b"], e["ch"]), (self.row(e["b"], e["ch"]), "planned")
        return self.doing[e["d"]]

    def intent(self, e: dict[str, Any]) -> None:
        row, was = self.known(e)
        row[was] -= 1
        row["sending"] += 1
        self.doing[e["d"]] = row, "sending"
        if e["d"] in self.late: del self.late[e["d"]]

    def move(self, e: dict[str, Any]) -> None:
        d, state, answer = e["d"], e.get("state") or "unknown", e["kind"] == "attempt.result"  # an orphan has no state
        row, was = self.known(e)  # one that a restored copy had not sent yet has no intent in this log
        row[was] -= 1
        row[state] += 1
        self.doing[d] = row, state
        if answer and not (e["out"] == "unknown" and state in PROVEN):  # the provider's own answer outweighs earlier evidence
            b, currency, micros = self.late.pop(d, (0, "", 0))
            self.spent[b, currency] -= micros
        if e.get("parts") and e.get("out", "accepted") == "accepted":
            b, channel = self.of[d]
            cost = b, self.currency.get(channel, ""), e["parts"] * e["price"]
            self.spent[cost[:2]] += cost[2]
            if not answer: self.late[d] = cost

    def differ(self, report: dict[str, Any]) -> list[str]:
        """What a report says and the entries do not."""
        mine = {b: place for b, place in self.where.items() if place[0] == report["campaign"]}
        found: dict[str, Counter[str]] = {"": Counter()}
        for (b, channel), row in self.rows.items():
            if b in mine:
                for group in ("", f"by_channel {channel}", f"by_schedule {mine[b][1]}", f"by_day {mine[b][2]}"):
                    found.setdefault(group, Counter()).update(row)
        said = {"": report["states"]}
        for kind in ("by_channel", "by_schedule", "by_day"):
            said.update({f"{kind} {name}": one["states"] for name, one in report[kind].items()})
            if any(one["planned"] != sum(one["states"].values()) for one in report[kind].values()):
                said[kind] = {"a sum": -1}
        faults = [f"{group or 'in all'}, {state}: the report says {was}, the entries give {now}"
                  for group in sorted(found.keys() | said.keys())
                  for state, was, now in differing(said.get(group, {}), found.get(group, {}))]
        total, waiting = sum(report["states"].values()), sum(report["states"].get(state, 0) for state in OPEN)
        form = sum(one["planned"] for one in report["by_form"].values())
        if [report["planned"], report["open"], report["final"], form] != [total, waiting, total - waiting, total]:
            faults.append("its planned, open and final are not the sums of its states")
        costs: Counter[str] = Counter()
        for (b, currency), micros in self.spent.items(): costs[currency] += micros if b in mine else 0
        told = {money["currency"]: int(Decimal(money["amount"]) * 10**6) for money in [report["cost"], *report["other_costs"]]}
        return faults + [f"cost in {currency or '?'}: the report says {was} millionths, the entries give {now}"
                         for currency, was, now in differing(told, costs)]

def differing(said: dict[str, int], found: dict[str, int]) -> list[tuple[str, int, int]]:
    """Names whose numbers differ; what waits for a retry is taken together with what is planned: its end is no entry."""
    pairs: dict[str, tuple[int, int]] = {}
    for name in sorted(said.keys() | found.keys()):
        one = "planned" if name == "retry_wait" else name
        was, now = pairs.get(one, (0, 0))
        pairs[one] = was + said.get(name, 0), now + found.get(name, 0)
    return [(name, was, now) for name, (was, now) in pairs.items() if was != now]

class Bundle:
    """`verify.py` shows it every entry once, in order, and then asks for `faults` and `shown`."""

    def __init__(self, folder: Path, notes: dict[str, bytes], signed: Callable[..., bool]) -> None:
        self.folder, self.size, self.wrong = folder, 0, list[str]()
        self.named: dict[tuple[str, str], str] = {}  # folder, hash -> whose
        self.told: dict[str, str] = {}  # what the last export says is in it: file in reports/ -> digest
        self.requests: dict[str, list[Any]] = {}  # hash -> what it stands for
        self.starts: dict[str, dict[str, Any]] = {}  # the first of those that are alike
        self.reports: dict[int, list[tuple[str, Any]]] = {}  # number of entries -> reports over them
        self.digests: dict[str, str] = {}
        for path in sorted((folder / "reports").glob("*.json")):
            raw = path.read_bytes()
            self.digests[path.name] = sha256(raw).hexdigest()
            try: self.reports.setdefault(int((report := json.loads(raw))["entries"]), []).append((path.name, report))
            except ODD: self.wrong.append(f"reports/{path.name}: it cannot be read")
        self.figures = Figures() if self.reports else None
        self.count: dict[str, Callable[..., None]] = self.figures.rules if self.figures else {}
        self.countersigned, unknown = list[str](), set[str]()
        keys = dict(filter(None, (key_of(line) for line in lines_of(folder, Path(__file__).parent))))
        for name, raw in notes.items():
            good, bad, foreign = countersignatures(raw, keys, signed)
            self.countersigned += [f"{name}: {one}" for one in good]
            self.wrong += [f"checkpoint {name}: the countersignature of {one} is not good" for one in bad]
            unknown.update(foreign)
        self.countersigned += [f"not checked, for its key is not in witnesses.txt: {one}" for one in sorted(unknown)]
        self.stamped, wrong = stamped(folder)
        self.wrong += wrong
        self.papers = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "signed").glob("*"))}
        self.entered = set[str]()  # digests of the signed reports that the log names

    def see(self, e: dict[str, Any]) -> None:
        kind, self.size = e["kind"], e["seq"] + 1
        if e["seq"] in self.reports: self.compare(e["seq"])
        if kind in FOLDERS: self.named[FOLDERS[kind], e["subject"]] = e["name"]
        elif kind == "broadcast.plan" and "request" in e: self.requests[e["authority"]] = e["request"]
        elif kind == "broadcast.start":
            alike = json.dumps([e.get(name) for name in ("revision", "authority", "group", "senders", "texts")])
            self.starts.setdefault(alike, e)
        elif kind == "report.sign": self.entered.add(e["sha256"])
        elif kind == "ledger.export": self.told = {f"{name}.json": digest for name, digest in e.get("reports", {}).items()}
        if kind in self.count: self.count[kind](e)

    def compare(self, size: int) -> None:
        for name, report in self.reports.pop(size):
            try: differ = self.figures.differ(report) if self.figures else []
            except ODD as error: differ = [f"a figure is missing, or is no number ({error!r})"]
            self.wrong += [f"reports/{name}: {one}" for one in differ]

    def faults(self) -> list[str]:
        if self.size in self.reports: self.compare(self.size)
        for size, late in self.reports.items():
            self.wrong += [f"reports/{name}: it counts {size} entries, which the log has not" for name, _ in late]
        self.wrong += [f"reports/{name}: it is missing, or not the one whose digest the log has"
                       for name in sorted(self.told | self.digests) if self.told.get(name) != self.digests.get(name)]
        self.wrong += [f"signed/{name}: it is not a report that the log has as signed"
                       for name, digest in self.papers.items() if digest not in self.entered]
        self.wrong += [f"request {hash_}: it is not what its hash stands for" for hash_, said in self.requests.items()
                       if sha256(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest() != hash_]
        held = {(name, path.stem): path.read_bytes() for name in FOLDERS.values() for path in (self.folder / name).glob("*.json")}
        for key in sorted(self.named.keys() | held.keys()):
            name = f"{key[0]}/{key[1]}.json"
            if key not in held: self.wrong.append(f"{name}: missing; it was submitted as {self.named[key]}")
            elif sha256(held[key]).hexdigest() != key[1]: self.wrong.append(f"{name}: its bytes give another hash than its name")
        for e in self.starts.values():
            try: self.wrong += [f"entry {e['seq']}: broadcast {e['b']} {one}" for one in self.unlike(e, held)]
            except ODD as error: self.wrong.append(f"entry {e['seq']}: broadcast {e['b']} cannot be looked up ({error!r})")
        return self.wrong

    def unlike(self, e: dict[str, Any], held: dict[tuple[str, str], bytes]) -> Iterable[str]:
        """Where a broadcast that began is not what was approved."""
        revision, plan = held.get(("revisions", e["revision"])), held.get(("plans", e["authority"]))
        if revision is not None:
            languages = json.loads(revision)["texts"].values()
            texts = {sha256(text.encode()).hexdigest() for forms in languages for text in forms.values()}
            for where, hash_ in e["texts"].items():
                if hash_ not in texts: yield f"says over {where} a text that its revision does not have"
        if "senders" not in e: return
        if plan is not None and e["authority_kind"] == "plan":
            approved = json.loads(plan)
            if not e["senders"].items() <= approved["senders"].items(): yield "has another sender than its plan"
            if e["group"] and e["group"] not in approved["groups"]: yield f"goes to {e['group']}, not a group of its plan"
        if e["authority_kind"] == "broadcast" and e["authority"] in self.requests:
            asked = self.requests[e["authority"]]
            now = [e["b"], e["revision"], e["senders"], e["quiet_hours"], e["cap_per_24h"], e["require_consent"], e["campaign"]]
            if now != [asked[0], asked[1], {asked[2]: asked[3]}, *asked[8:]]: yield "is not the request that was approved"

    def shown(self) -> dict[str, Any]:
        held = Counter(name for name, _ in self.named)
        told = {"texts": held["revisions"], "plans": held["plans"], "reports": sorted(self.digests), "signed": [*self.papers]}
        return {**told, "countersigned": self.countersigned, "time_stamps": self.stamped}

def stamped(folder: Path) -> tuple[list[str], list[str]]:
    """What each time stamp says, and which is for something else than the checkpoint of its name."""
    said, wrong = list[str](), list[str]()
    for path in sorted((folder / "timestamps").glob("*")):
        note, found = folder / "checkpoints" / f"{path.stem}.txt", STAMP.search(path.read_bytes())
        if not found or not note.exists() or found[1] != sha256(note.read_bytes()).digest():
            wrong.append(f"timestamps/{path.name}: it is no time stamp of checkpoints/{note.name}")
        else: said.append(f"{note.name}, on {re.sub('(....)(..)(..)(..)(..)(..)', TIME, found[2].decode())}")
    return said + [UNSIGNED] * bool(said), wrong

def lines_of(*folders: Path) -> Iterable[str]:
    for path in {folder / "witnesses.txt" for folder in folders}:
        if path.exists(): yield from path.read_text("utf-8", "replace").splitlines()

def key_of(line: str) -> tuple[tuple[str, bytes], bytes] | None:
    """(name, id) -> key, out of `name+id+key` (c2sp.org/signed-note, type 0x04); None for anything else."""
    found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", line.strip())
    raw = base64.b64decode(found[3]) if found else b""
    right = found and raw[:1] == b"\4" and sha256(found[1].encode() + b"\n" + raw).digest()[:4].hex() == found[2]
    return ((found[1], bytes.fromhex(found[2])), raw[1:]) if found and right else None

def countersignatures(note: bytes, keys: dict[Any, bytes], signed: Callable[..., bool]) -> tuple[list[str], ...]:
    """Good, bad, and by whom we have no key (c2sp.org/tlog-cosignature): 4 bytes id, 8 bytes time, 64 bytes signature."""
    text, _, lines = note.partition(b"\n\n")
    good, bad, foreign = list[str](), list[str](), list[str]()
    for name, code in re.findall(r"— (\S+) ([A-Za-z0-9+/]{102}==)\n", lines.decode("utf-8", "replace")):
        raw = base64.b64decode(code)
        key, at = keys.get((name, raw[:4])), int.from_bytes(raw[4:12], "big")
        try: right = key is not None and signed(key, b"cosignature/v1\ntime %d\n%s\n" % (at, text), raw[12:])
        except ValueError: right = False
        when = datetime.fromtimestamp(min(at, 2**33), timezone.utc)
        if right: good.append(f"{name}, on {when:%Y-%m-%d at %H:%M:%S}Z")
        elif key is None: foreign.append(name)
        else: bad.append(name)
    return good, bad, foreign

"""Check an exported dispatch log without trusting the office that wrote it: `python verify.py DIR`. Python 3.9+, no network.
Lines must be canonical JSON, numbered, and give the root of every checkpoint (RFC 9162), signed by the office's key, the newest
over the last line; what they say must be allowed (`Rules`). verify_bundle.py beside this adds texts, figures, proofs and more.
Only the key on paper (--key) and checkpoints you kept tell a log rewritten as a whole. Dense, for paper: one rule, one line."""

# ruff: noqa: ARG002, DTZ901, E401, E701, E702, I001, UP017, UP035
# fmt: off
from __future__ import annotations
import argparse, base64, json, pathlib, re, runpy, sys
from datetime import datetime, timedelta, timezone
from functools import reduce
from hashlib import sha256, sha512
from typing import Any, Callable, Iterable
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519, RFC 8032 5.1; points are X, Y, Z, T
D, START, MINUTE = -121665 * pow(121666, P - 2, P) % P, datetime.min, timedelta(minutes=1)  # two machines may differ
def add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    u, v = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return (v - u) * (z - t) % P, (z + t) * (v + u) % P, (z - t) * (z + t) % P, (v - u) * (v + u) % P
def point(raw: bytes) -> tuple[int, ...]:
    """Raises: ValueError for bytes that are no point, a second way to write one, or a point of small order."""
    odd, y = divmod(int.from_bytes(raw, "little"), 1 << 255)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    x = x if (v * x * x - u) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    x = x if x & 1 == odd else P - x
    two = add((x, y, 1, x * y % P), (x, y, 1, x * y % P))
    if len(raw) != 32 or y >= P or (v * x * x - u) % P or add(add(two, two), add(two, two))[0] == 0:
        raise ValueError("no point that Ed25519 may use")
    return x, y, 1, x * y % P
def signed(key: bytes, text: bytes, signature: bytes) -> bool:  # S*B - k*A is R. Raises: ValueError as `point` does
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(signature[:32] + key + text).digest(), "little") % ORDER
    base, minus = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")), (P - a[0], a[1], 1, P - a[3])
    terms = [(0, 1, 1, 0), base, minus, add(base, minus)]
    total = reduce(lambda t, bit: add(add(t, t), terms[(s >> bit & 1) + (k >> bit & 1) * 2]), range(252, -1, -1), terms[0])
    return s < ORDER and (total[0] - r[0] * total[2]) % P == 0 and (total[1] - r[1] * total[2]) % P == 0
def read_checkpoint(name: str, raw: bytes, keys: dict[int, bytes]) -> tuple[int, str]:
    """The size and the base64 root, signed by the key in force (from which size -> key). Raises: ValueError in plain words."""
    form = r"(([^\n]+)\n(0|[1-9]\d{0,17})\n([^\n]+)\n(?:[^\n]+\n)*)\n((?:— [^\n]+\n)+)"
    found = re.fullmatch(form, raw.decode("utf-8", "replace"))
    body, origin, size, root, signatures = found.groups() if found else ("", "", "0", "", "")
    mark = sha256(origin.encode() + b"\n\x01" + (key := keys[max(n for n in keys if n <= int(size))])).digest()[:4]
    for code in re.findall(f"— {re.escape(origin)} ([A-Za-z0-9+/]{{91}}=)\n", signatures):
        line = base64.b64decode(code)
        if base64.b64encode(line).decode() == code and line[:4] == mark and signed(key, body.encode(), line[4:]):
            return int(size), root
    raise ValueError(f"checkpoint {name}: it is damaged, or not signed by this key")
FREE, OPEN, DOUBT, CLOSED = range(4)  # a dispatch: may be sent; no result yet; perhaps sent; sent, or refused for good
WHY = ("has that number", "has no result yet", "perhaps reached its reader", "was accepted, or refused for good")
AFTER = {"unknown": DOUBT, "unresolved": DOUBT}  # a result, or a state: all others leave it CLOSED
AFTER.update(dict.fromkeys(("not_accepted", "throttled", "misconfigured", "not_started", "retry_wait", "planned"), FREE))
class Rules:
    """A known approver who neither submitted nor edited it approves; a broadcast starts under an approved plan or request, with
    the newest text; a send needs both and no stop; it is repeated if certainly nothing left before, or if two people say so."""
    def __init__(self) -> None:
        self.people, self.editors, self.stands = dict[str, list[str]](), dict[str, list[str]](), dict[int, tuple[str, ...]]()
        self.submitted = dict[str, tuple[str, str, tuple[str, ...], bool]]()  # hash -> by whom, of what, editors, do two decide
        self.approved, self.tries = dict[str, bool](), dict[Any, int]()  # hash -> is it newest; dispatch -> last try * 4 + state
        self.running, self.stops = dict[int, tuple[str, ...]](), dict[int, tuple[str, ...]]()  # text, plan, campaign
        self.latest, self.ts, self.alone, self.given, self.two_decide, self.rules = START, "", 0, 0, True, dict[str, Any]()
    def check(self, e: dict[str, Any]) -> str | None:
        kind, back = e["kind"], False
        if e["ts"] != self.ts or kind == "clock.jump":
            now, self.ts, jump = datetime.fromisoformat(e["ts"][:26]), e["ts"], kind == "clock.jump"
            back, self.latest = not jump and now + MINUTE < self.latest, START if jump else max(now, self.latest)
        if kind not in self.rules: self.rules[kind] = getattr(self, f"on_{kind.partition('.')[0]}", lambda *_: None)
        return (self.rules[kind](kind.partition(".")[2], e), "its time lies before that of the entries above")[back]
    def two(self, e: dict[str, Any], first: str, second: str, role: str, rule: bool = True) -> str | None:
        self.alone += (alone := e.get("two_person") is False)
        if alone and rule: return f"{second!r} decided alone, but the office's rule then asked for two people"
        if first == second and not alone: return f"{second!r} did alone what needs two people"
        known = self.people.get(first) and role in (*self.people.get(second, ()), "")
        return None if known else f"{first!r} or {second!r} is no user at this point, or lacks the role"
    def on_user(self, verb: str, e: dict[str, Any]) -> str | None:  # of users, and of the office's rules
        wrong = self.two(e, e["asked_by"], e["actor"], "admin") if "asked_by" in e and "alone" not in e else None
        if "roles" in e: self.people[e["user"]] = e["roles"]
        if "delegation" in e: self.stands[e["delegation"]] = e["actor"], e["user"], e.get("since", "~"), e.get("until", "")
        self.given, self.two_decide = self.given + ("alone" in e), e.get("two_person", self.two_decide)
        return wrong
    def on_message(self, verb: str, e: dict[str, Any]) -> str | None:
        what, b, one = e.get("subject", ""), e.get("b", 0), e.get("two_person") is False
        if verb == "edit": self.editors.setdefault(e["name"], []).append(e["actor"])
        if verb == "submit": self.submitted[what] = e["actor"], e["name"], (*self.editors.get(e["name"], ()),), self.two_decide
        if verb == "supersede" and what in self.approved: self.approved[what] = False
        if verb in ("withdraw", "expire", "cancel", "done"): self.approved.pop(what, None)
        if verb == "cancel": self.running.pop(b, None)
        if verb == "approve":
            self.approved[what] = True
            author, name, editors, rule = self.submitted.get(what, ("nobody", "", (), True))
            self.editors[name] = self.editors.get(name, [])[len(editors):]
            lender, who, since, until = self.stands.get(e.get("delegation", 0), (e["actor"], e["actor"], "", "~"))
            if {who, lender} & {*editors} and not one: return f"{who!r} approves what {who!r} edited"
            if who != e["actor"] or not since <= e["ts"] < until: return f"{e['actor']!r} stands in for nobody at this point"
            return self.two(e, author, author if who == author else lender, "approver", rule)
        if verb == "start":
            self.running[b] = e["revision"], e["authority"], e["campaign"]
            plan, owner = e["authority_kind"] == "plan", self.submitted.get(e["authority"], ("", ""))[1]
            ours = self.approved.get(e["authority"]) and owner == (e["campaign"] if plan else f"b-{b:08d}")
            if not ours: return f"broadcast {b} starts without an approved plan or request of its own"
            if plan and not self.approved.get(e["revision"]): return f"broadcast {b} starts with a text that is not approved"
        return None
    def on_stop(self, verb: str, e: dict[str, Any]) -> str | None:  # and on_hold: of a hold only who lifts it counts
        if verb == "lift" and "stop" in e and not self.stops.pop(e["stop"], None): return f"stop {e['stop']} is not on"
        if verb == "lift": return self.two(e, e["asked_by"], e["signed_by"], "")
        if "stop" not in e: return None
        until = datetime.fromisoformat((e["until"] or "9999-01-01T00:00:00Z").replace("Z", "+00:00")).astimezone(timezone.utc)
        return self.stops.update({e["stop"]: (e["scope"], e["subject"], until.isoformat())})  # that is, None
    def on_attempt(self, verb: str, e: dict[str, Any]) -> str | None:
        n, before = e.get("n", (last := self.tries.get(d := e.get("d"), 0)) >> 2), last & 3
        if verb == "intent":
            self.tries[d] = n * 4 + OPEN
            text, authority, campaign = self.running.get(e["b"], ("", "", ""))
            if not {text, authority} <= self.approved.keys(): return f"dispatch {d}: its text or plan is not approved by then"
            for scope, of, until in self.stops.values():
                here = {"everything": of, "campaign": campaign, "channel": e["ch"], "area": e.get("area", of)}[scope]
                if here == of and e["ts"] < until: return f"dispatch {d} is sent while a stop is on ({scope} {of})"
            again = before != FREE or n <= last >> 2
            return f"dispatch {d} is sent again, but attempt {last >> 2} {WHY[before]}" if again else None
        if d is None: return None  # dispatch.close only counts
        state = FREE if verb == "resend" else AFTER.get(e.get("out") or e["state"], CLOSED)
        if before != CLOSED and (n == last >> 2 or state == CLOSED): self.tries[d] = last - before + state
        if ("n" in e and not 1 <= n <= last >> 2) or (verb == "resend" and before != DOUBT):
            return f"dispatch {d}: {verb} of attempt {n}, but the last begun is {last >> 2}, and it {WHY[before]}"
        if state == FREE and verb in ("reconcile", "resolve") and not e.get("evidence"):
            return f"dispatch {d} may be sent again, but nothing proves that it was not"
        return self.two(e, e["asked_by"], e["signed_by"], "") if verb in ("resend", "resolve") else None
    on_campaign = on_broadcast = on_message; on_dispatch = on_attempt; on_hold = on_stop
    on_office = on_settings = on_delegation = on_user
VALUE = rb'(?:"[ !#-\[\]-~]*"|0|-?[1-9][0-9]{0,17}|true|false|null)'  # most entries are flat: canonical at a glance
FLAT = re.compile(rb'\{"[a-z0-9_]+":%s(?:,"[a-z0-9_]+":%s)*\}' % (VALUE, VALUE)).fullmatch
def root_of(peaks: list[bytes]) -> bytes:
    return reduce(lambda root, peak: sha256(b"\1" + peak + root).digest(), reversed(peaks)) if peaks else sha256(b"").digest()
def audit(lines: Iterable[bytes], wanted: dict[int, dict[str, str]], see: Callable[..., Any] | None = None) -> dict[str, Any]:
    """Read the entries once, against checkpoints (size -> root -> name). What is kept is one number per dispatch."""
    read = json.JSONDecoder(parse_float=str, parse_constant=str).scan_once  # type: ignore[attr-defined]
    write = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
    faults = [f"two logs were signed for {n} entries: {' and '.join(w.values())}" for n, w in wanted.items() if len(w) > 1]
    rules, size, expected, good, peaks, shapes = Rules(), 0, 0, 0, list[bytes](), set[tuple[str, ...]]()
    for line in lines:
        try:
            entry, _ = read(line.decode(), 0)
            fault, shape = rules.check(entry), tuple(entry)
            if entry["seq"] != expected: fault = f"number {expected} should stand here, not {entry['seq']}"
            if not (shape in shapes and FLAT(line) and line.count(b'":') == len(shape)):  # else: keys in order, each once
                fault = fault if write(entry).encode() == line else "it is not canonical JSON"
                if not fault and len(shapes) < 1000: shapes.add(shape)
            expected = entry["seq"] + 1
            if see: see(entry)
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError, StopIteration) as error:
            fault = f"it is no entry, or a field of it is missing or wrong ({error!r})"
        if fault and len(faults) < 100: faults.append(f"entry {size}: {fault}")
        node, at, size = sha256(b"\0" + line).digest(), size, size + 1
        while at & 1: node, at = sha256(b"\1" + peaks.pop() + node).digest(), at >> 1
        peaks.append(node)
        if size in wanted:
            root = base64.b64encode(root_of(peaks)).decode()
            faults += [f"checkpoint {name}: entries {good} to {size - 1} are not those that were signed"
                       for signed_root, name in wanted[size].items() if signed_root != root]
            good = size if root in wanted[size] else good
    faults += [f"the log ends after {size} entries, but {n} were signed" for n in sorted(wanted) if n > size]
    return {"entries": size, "root": root_of(peaks).hex(), "faults": faults, "decided_by_one_alone": rules.alone,
            "rights_given_by_one_alone": rules.given}
def main() -> int:
    parser = argparse.ArgumentParser(description="Check an exported dispatch log. Exit code: 0 good, 1 not, 2 wrong use.")
    parser.add_argument("folder", type=pathlib.Path, nargs="?", help="the export: entries.jsonl, checkpoints, key.txt")
    parser.add_argument("--checkpoint", type=pathlib.Path, action="append", default=[], help="one that you kept; may be repeated")
    parser.add_argument("--key", help="the office's public key in hex, from paper; else key.txt is believed")
    parser.add_argument("--proof", type=pathlib.Path, help="a file of `ledger prove`, to check instead of a folder")
    parser.add_argument("--json", action="store_true", help="one JSON value on standard output")
    given, path, wanted = parser.parse_args(), pathlib.Path(__file__).with_name("verify_bundle.py"), dict[int, dict[str, str]]()
    more = runpy.run_path(str(path)) if path.exists() else {}
    if given.proof and more: return int(more["proof"](given.proof, given.key, given.json, read_checkpoint))
    if given.proof or not given.folder: parser.error("name a folder; or a --proof, with verify_bundle.py beside this file")
    try:
        text = (given.folder / "key.txt").read_bytes().decode()
        notes = {path.name: path.read_bytes() for path in sorted((given.folder / "checkpoints").iterdir())}
        notes.update({str(path): path.read_bytes().replace(b"\r\n", b"\n").strip() + b"\n" for path in given.checkpoint})
        key, file = bytes.fromhex(given.key or text), (given.folder / "entries.jsonl").open("rb")
    except (OSError, ValueError) as error: parser.error(f"this is no export, or not the whole of it: {error}")
    with file:
        keys, faults = more["keys_of"](file, key, signed) if more else ({0: key}, [])
        faults += [] if text in {f"{one.hex()}\n" for one in keys.values()} else ["key.txt: damaged, or not the key you gave"]
        for name, raw in notes.items():
            try: wanted.setdefault((signed_as := read_checkpoint(name, raw, keys))[0], {})[signed_as[1]] = name
            except ValueError as error: faults.append(str(error))
        bundle = more["Bundle"](given.folder, notes, signed) if more else None
        file.seek(0)  # a line that is too long, or has no end, gets a blank: then it is not canonical
        lines = (raw[:-1] if raw[-1:] == b"\n" else raw + b" " for raw in iter(lambda: file.readline(1 << 18), b""))
        found = audit(lines, wanted, bundle and bundle.see)
    faults += found.pop("faults") + (bundle.faults() if bundle else [])
    if max(wanted, default=-1) < found["entries"]: faults.append("no good checkpoint covers the last entries")
    found.update(bundle.shown() if bundle else {"not_checked": "texts, plans, figures, witnesses, changed keys"})
    text = "\n".join([*faults, *(f"{name}: {value}" for name, value in found.items()), "NOT OK" if faults else "OK"])
    if given.json: text = json.dumps({"ok": not faults, **found, "faults": faults})
    sys.stdout.buffer.write(f"{text}\n".encode())
    return 1 if faults else 0
if __name__ == "__main__":
    sys.exit(main())

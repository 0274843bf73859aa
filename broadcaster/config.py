"""`config.toml`: every setting once, with its type, default and sentence; the example file and the docs come from here."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from broadcaster.errors import NotFound, WrongUse

CONFIG_LIMIT = 1024 * 1024  # bytes; a configuration larger than this is a mistake
SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0}

T = TypeVar("T", bound=Struct)


class Secret:
    """A value that never prints. `{ env = "NAME" }` or `{ file = "path" }` in the file."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


class Office(Struct, forbid_unknown_fields=True, kw_only=True):
    name: Annotated[str, Meta(description="The office's full name, as it stands on reports.")] = (
        "Văn phòng truyền thông"
    )
    parent: Annotated[str, Meta(description="The body above it, for the head of official reports.")] = ""
    code: Annotated[str, Meta(description="2 to 8 letters or digits; opens every attempt reference.")] = "vp"
    timezone: Annotated[str, Meta(description="IANA zone of the office.")] = "Asia/Ho_Chi_Minh"
    key: Annotated[
        dict[str, str], Meta(description="The key that hides numbers in suppressions and signs references.")
    ] = msgspec.field(default_factory=lambda: {"file": "secrets/office.key"})


class Folders(Struct, forbid_unknown_fields=True, kw_only=True):
    content: Annotated[str, Meta(description="Messages and facts.")] = "content"
    schedules: Annotated[str, Meta(description="One file per campaign.")] = "schedules"
    public: Annotated[str, Meta(description="Feeds and pages, to be served or copied to the portal.")] = "public"
    checkpoints: Annotated[str, Meta(description="Signed checkpoints; copy them off this machine.")] = "checkpoints"


class DatabaseSettings(Struct, forbid_unknown_fields=True, kw_only=True):
    url: Annotated[
        str, Meta(description='"sqlite:///broadcaster.db", or "postgresql://user@host/name" for many machines.')
    ] = "sqlite:///broadcaster.db"


class Web(Struct, forbid_unknown_fields=True, kw_only=True):
    public_url: Annotated[
        str, Meta(description="Address under which the public pages and callbacks are reached; empty if there is none.")
    ] = ""
    host: Annotated[str, Meta(description="Address the web desk listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port the web desk listens on.", ge=0, le=65535)] = 8080
    names: Annotated[
        list[str], Meta(description="Host names and addresses people open the desk under, besides this machine's own.")
    ] = []
    second_factor: Annotated[
        bool,
        Meta(
            description="Approvers and admins sign in with an authenticator; false only for training, and pages say so."
        ),
    ] = True


class SignOn(Struct, forbid_unknown_fields=True, kw_only=True):
    issuer: Annotated[
        str,
        Meta(description="Address of the office's OpenID Connect provider; empty: sign-in by name and password only."),
    ] = ""
    client_id: Annotated[str, Meta(description="How this desk is called at the provider.")] = ""
    client_secret: Annotated[
        dict[str, str], Meta(description="The secret the provider gave for it; {} where it gave none.")
    ] = msgspec.field(default_factory=dict)
    users: Annotated[
        dict[str, str],
        Meta(
            description="Who may sign on: the provider's `sub`, or a verified e-mail in lower case, and the user's name here."
        ),
    ] = msgspec.field(default_factory=dict)
    second_factor: Annotated[
        list[str],
        Meta(
            description='Values of `amr` or `acr` that count as the second factor, like "mfa"; empty: it is asked here.'
        ),
    ] = msgspec.field(default_factory=list)


class Defaults(Struct, forbid_unknown_fields=True, kw_only=True):
    quiet_hours: Annotated[
        str,
        Meta(description='No message to a person in these local hours, start inclusive, end exclusive; "" for none.'),
    ] = "21:30-08:00"
    cap_per_24h: Annotated[
        int, Meta(description="Messages one number gets in 24 hours at most; 0 for no cap.", ge=0)
    ] = 3
    require_consent: Annotated[bool, Meta(description="Send only to people whose consent has a source and a date.")] = (
        True
    )
    attempts: Annotated[
        int, Meta(description="Tries of one dispatch that was certainly not accepted.", ge=1, le=100)
    ] = 5
    retry_first: Annotated[str, Meta(description="Wait before the second try; doubles each time, with jitter.")] = "30s"
    retry_most: Annotated[str, Meta(description="Longest wait between two tries.")] = "30min"
    unknown_for: Annotated[
        str, Meta(description="How long a lost answer may be looked up before it is unresolved.")
    ] = "24h"
    ad_hoc_for: Annotated[str, Meta(description="How long after its time an ad-hoc broadcast may still go out.")] = (
        "24h"
    )


class ApprovalSettings(Struct, forbid_unknown_fields=True, kw_only=True):
    two_person: Annotated[
        bool,
        Meta(description="false only in an office of one person; the ledger, every page and the report then say so."),
    ] = True


class Duty(Struct, forbid_unknown_fields=True, kw_only=True):
    channel: Annotated[
        str, Meta(description="Channel by which the officer on duty is told that a reply waits; empty: nobody is told.")
    ] = ""
    to: Annotated[str, Meta(description="The officer's address on that channel.")] = ""
    fallback: Annotated[
        str,
        Meta(description='Channel and address to try when the first does not take it, like "mail truc@tinh.example".'),
    ] = ""

    heartbeat: Annotated[
        str,
        Meta(
            description="Web address called once a minute while `run` lives, for a watcher that notices a dead PC; empty: none."
        ),
    ] = ""

    def roads(self) -> list[tuple[str, str]]:
        """(channel, address) in the order in which they are tried."""
        second = tuple(self.fallback.split(maxsplit=1))
        found = [(self.channel, self.to), *([(second[0], second[1])] if len(second) == 2 else [])]
        return [(channel, to) for channel, to in found if channel and to]


class LedgerSettings(Struct, forbid_unknown_fields=True, kw_only=True):
    origin: Annotated[str, Meta(description="Name of this ledger in its checkpoints; never change it once in use.")] = (
        "broadcaster/office"
    )
    key: Annotated[dict[str, str], Meta(description="The Ed25519 key that signs checkpoints.")] = msgspec.field(
        default_factory=lambda: {"file": "secrets/ledger.key"}
    )
    witness: Annotated[
        list[str],
        Meta(
            description="Where each checkpoint is sent as well: a folder, a web address that takes a POST, or mailto:NAME@HOST."
        ),
    ] = msgspec.field(default_factory=list)
    witness_keys: Annotated[
        list[str], Meta(description="Keys of offices that countersign checkpoints, each as name+id+key.")
    ] = msgspec.field(default_factory=list)
    timestamp_url: Annotated[
        str,
        Meta(description="Address of an RFC 3161 authority that time-stamps each checkpoint; empty: none is asked."),
    ] = ""


class ReportSettings(Struct, forbid_unknown_fields=True, kw_only=True):
    folder: Annotated[
        str, Meta(description="One text file per campaign: what only people can write in its report.")
    ] = "reports"
    place: Annotated[str, Meta(description="Where the office sits; opens the line with the date.")] = "Hà Nội"
    symbol: Annotated[str, Meta(description="What follows the number, like BC-SVHTTDL.")] = "BC-VP"
    authority: Annotated[
        str,
        Meta(description='Above the title of who signs for the head, like "KT. GIÁM ĐỐC"; empty if the head signs.'),
    ] = ""
    title: Annotated[str, Meta(description="Title of who signs.")] = "Giám đốc"
    signer: Annotated[str, Meta(description="Name of who signs.")] = ""
    recipients: Annotated[list[str], Meta(description='The list under "Nơi nhận".')] = msgspec.field(
        default_factory=lambda: ["Như trên;", "Lưu: VT."]
    )


class Retention(Struct, forbid_unknown_fields=True, kw_only=True):
    contacts_months: Annotated[
        int,
        Meta(
            description="Months after which a contact nobody wrote to, entered or got consent from is erased; 0: never.",
            ge=0,
            le=600,
        ),
    ] = 24
    attachments_months: Annotated[
        int, Meta(description="Months after which photos and files of activities are erased; 0: never.", ge=0, le=600)
    ] = 24


class Price(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    amount: Annotated[str, Meta(description="Price of one billable part, as a decimal in quotes.")]
    currency: Annotated[str, Meta(description="ISO 4217 code.")] = "VND"

    @property
    def micros(self) -> int:
        """The amount in millionths of the currency."""
        try:
            return int(Decimal(self.amount) * 1_000_000)
        except InvalidOperation:
            raise WrongUse(
                f'price amount {self.amount!r} is no decimal number; write it like "830" or "0.0525".'
            ) from None


class ChannelCommon(Struct, kw_only=True):
    """The keys every channel has; the rest of its table belongs to the adapter."""

    adapter: Annotated[str, Meta(description="Which adapter drives this channel; `broadcaster doctor` lists them.")]
    rate: Annotated[str, Meta(description='Requests at most, like "10/s" or "60/min"; "" for no limit of ours.')] = ""
    concurrency: Annotated[int, Meta(description="Requests in flight at once, at most.", ge=1, le=1000)] = 8
    timeout: Annotated[str, Meta(description="One request, from connect to last byte.")] = "30s"
    api_base: Annotated[str, Meta(description="Stands in for the provider's address: training, tests, a proxy.")] = ""
    price: Annotated[Price | None, Meta(description="What one billable part costs today.")] = None
    accents: Annotated[
        bool, Meta(description="false: the gateway takes unaccented text only, so `sms-plain` is used.")
    ] = True
    languages: Annotated[
        list[str], Meta(description="Languages a public channel publishes; empty: the campaign's.")
    ] = []
    monthly_quota: Annotated[
        int, Meta(description="Messages the provider takes in a calendar month, by contract; 0: no limit.", ge=0)
    ] = 0
    daily_quota: Annotated[
        int, Meta(description="Messages the provider takes on one day, by contract; 0: no limit.", ge=0)
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One `[channels.NAME]` table: the common keys, and the adapter's own under `own`."""

    name: str
    common: ChannelCommon
    own: Mapping[str, Any]
    folder: Path  # relative file names in the table start here
    public_folder: Path
    public_url: str
    timezone: str = "Asia/Ho_Chi_Minh"
    office_name: str = ""
    vault: Any = None  # a `broadcaster.channel.vault.Vault` where channels send; None where they are only looked at

    @property
    def rate_per_second(self) -> float:
        """0.0 means unlimited."""
        return parse_rate(self.common.rate, where=f"channels.{self.name}.rate")

    @property
    def timeout_seconds(self) -> float:
        return parse_span(self.common.timeout, where=f"channels.{self.name}.timeout").total_seconds()

    def options(self, spec: type[T]) -> T:
        """The adapter's own keys as `spec` (a msgspec Struct whose secret fields are `Secret`).

        Raises: WrongUse naming the key: unknown, missing, of the wrong type, or a secret written into the file.
        """
        where = f"channels.{self.name}"
        secret_keys = {key for key, kind in get_type_hints(spec).items() if kind in (Secret, Secret | None)}
        renamed = {field.encode_name for field in msgspec.structs.fields(spec) if field.name in secret_keys}
        values = {
            key: read_secret(value, folder=self.folder, where=f"{where}.{key}")
            if key in renamed or (isinstance(value, dict) and set(value) <= {"env", "file"})
            else value
            for key, value in self.own.items()
        }
        plain = {
            key: value.reveal() if isinstance(value, Secret) and key not in renamed else value
            for key, value in values.items()
        }
        try:
            return msgspec.convert(plain, type=spec, dec_hook=_keep_secret)
        except msgspec.ValidationError as error:
            raise WrongUse(f"config: {where}: {_sentence(error)}") from None


class Contract(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One `[contracts.NAME]` table: what a report counts by a contract, beside what attempts cost."""

    campaign: Annotated[str, Meta(description="The campaign it is for.")]
    channel: Annotated[str, Meta(description="Channel whose accepted parts it pays; empty if it pays none.")] = ""
    price: Annotated[Price | None, Meta(description="What it pays for one part.")] = None
    fixed: Annotated[Price | None, Meta(description="What it pays for the whole campaign, whatever is sent.")] = None


class Config(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    office: Office = msgspec.field(default_factory=Office)
    folders: Folders = msgspec.field(default_factory=Folders)
    database: DatabaseSettings = msgspec.field(default_factory=DatabaseSettings)
    web: Web = msgspec.field(default_factory=Web)
    sign_on: SignOn = msgspec.field(default_factory=SignOn)
    defaults: Defaults = msgspec.field(default_factory=Defaults)
    approval: ApprovalSettings = msgspec.field(default_factory=ApprovalSettings)
    duty: Duty = msgspec.field(default_factory=Duty)
    ledger: LedgerSettings = msgspec.field(default_factory=LedgerSettings)
    report: ReportSettings = msgspec.field(default_factory=ReportSettings)
    retention: Retention = msgspec.field(default_factory=Retention)
    channels: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    contracts: dict[str, Contract] = msgspec.field(default_factory=dict)
    folder: Path = Path()  # set by `load`: where the file lies

    def path(self, name: str) -> Path:
        """A file name of the configuration, relative to the configuration's own folder."""
        return self.folder / name

    def channel(self, name: str) -> ChannelSettings:
        """Raises: NotFound for a name that has no table; WrongUse for a common key that is wrong."""
        if name not in self.channels:
            known = ", ".join(sorted(self.channels)) or "none yet"
            raise NotFound(f"No channel is called {name!r}; config.toml has: {known}.")
        table = self.channels[name]
        common_keys = {field.encode_name for field in msgspec.structs.fields(ChannelCommon)}
        try:
            common = msgspec.convert({k: v for k, v in table.items() if k in common_keys}, type=ChannelCommon)
        except msgspec.ValidationError as error:
            raise WrongUse(f"config: channels.{name}: {_sentence(error)}") from None
        return ChannelSettings(
            name=name,
            common=common,
            own={k: v for k, v in table.items() if k not in common_keys},
            folder=self.folder,
            public_folder=self.path(self.folders.public),
            public_url=self.web.public_url.rstrip("/"),
            timezone=self.office.timezone,
            office_name=self.office.name,
        )

    def secret(self, reference: dict[str, str], *, where: str) -> Secret:
        return read_secret(reference, folder=self.folder, where=where)


def load(path: Path) -> Config:
    """Read and check the file. Raises: NotFound, WrongUse with the key or the line."""
    if not path.is_file():
        raise NotFound(
            f"There is no {path}. Make a workspace with `broadcaster init DIR`, or name the file with --config."
        )
    if path.stat().st_size > CONFIG_LIMIT:
        raise WrongUse(f"{path} is larger than 1 MB; that is no configuration.")
    try:
        config = msgspec.toml.decode(path.read_bytes().removeprefix(codecs.BOM_UTF8), type=Config)
    except msgspec.ValidationError as error:
        raise WrongUse(f"{path}: {_sentence(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: not valid TOML: {error}.") from None
    config.folder = path.resolve().parent
    _check_values(config, path)
    return config


CHANNEL_EXAMPLES = """\
[channels.web]                       # feeds and pages in the public folder; needs no account
adapter = "feed"

# [channels.sms]
# adapter = "twilio"
# account_sid = { env = "TWILIO_ACCOUNT_SID" }
# auth_token = { env = "TWILIO_AUTH_TOKEN" }
# from = "BRANDNAME"                 # the registered sender
# rate = "10/s"                      # Twilio's default for a sender name is 10 parts a second; a text of two parts counts twice
# concurrency = 8
# price = { amount = "0.05", currency = "USD" }   # an example: write what your contract says

# [channels.telegram]                # off unless the office has written leave to use it
# adapter = "telegram"
# token = { env = "TELEGRAM_TOKEN" }
# rate = "1/s"
"""


def example() -> str:
    """The text of `config.example.toml`: every key with its default and its sentence."""
    parts = [
        '# broadcaster: the office\'s settings. A secret is { env = "NAME" } or { file = "path" }, never a value here.\n'
    ]
    for section in msgspec.structs.fields(Config):
        if not isinstance(section.type, type) or not issubclass(section.type, Struct):
            continue
        parts.append(f"\n[{section.name}]\n")
        parts += [
            _example_line(field.encode_name, field, section.type) for field in msgspec.structs.fields(section.type)
        ]
    parts.append("\n# One table per channel account. Keys that every channel has:\n")
    parts += [f"#   {name}: {sentence}\n" for name, sentence in sentences(ChannelCommon)]
    parts.append("\n# One [contracts.NAME] table per contract, for the cost by contract in a report. Its keys:\n")
    parts += [f"#   {name}: {sentence}\n" for name, sentence in sentences(Contract)]
    return "".join(parts) + "\n" + CHANNEL_EXAMPLES


def sentences(section: type[Struct]) -> list[tuple[str, str]]:
    """(key, sentence) of every setting of a section."""
    hints = get_type_hints(section, include_extras=True)
    found = []
    for field in msgspec.structs.fields(section):
        metas = [meta for meta in getattr(hints[field.name], "__metadata__", ()) if isinstance(meta, Meta)]
        found.append((field.encode_name, metas[0].description or "" if metas else ""))
    return found


def _example_line(name: str, field: Any, section: type[Struct]) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    sentence = dict(sentences(section))[name]
    return f"{name} = {_toml(value)}  # {sentence}\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _check_sign_on(config: Config, path: Path) -> None:
    found = config.sign_on
    plain = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", found.issuer)
    if found.issuer and not (found.issuer.startswith("https://") or plain):
        raise WrongUse(f"{path}: sign_on.issuer {found.issuer!r} must begin with https://.")
    if found.issuer and not found.client_id:
        raise WrongUse(
            f"{path}: sign_on.client_id is missing; the provider gives it when the desk is registered there."
        )


def _check_values(config: Config, path: Path) -> None:
    try:
        ZoneInfo(config.office.timezone)
    except (KeyError, ValueError, OSError):
        raise WrongUse(
            f"{path}: office.timezone {config.office.timezone!r} is no IANA zone, like Asia/Ho_Chi_Minh."
        ) from None
    if not re.fullmatch(r"[A-Za-z0-9]{2,8}", config.office.code):
        raise WrongUse(f"{path}: office.code {config.office.code!r} must be 2 to 8 letters or digits.")
    hours = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", config.defaults.quiet_hours)
    if config.defaults.quiet_hours and (hours is None or len(set(config.defaults.quiet_hours.split("-"))) == 1):
        raise WrongUse(
            f'{path}: defaults.quiet_hours {config.defaults.quiet_hours!r} are no hours; write "21:30-08:00", or "" for none.'
        )
    for key in ("retry_first", "retry_most", "unknown_for", "ad_hoc_for"):
        parse_span(getattr(config.defaults, key), where=f"{path}: defaults.{key}")
    _check_sign_on(config, path)
    _check_duty(config, path)
    _check_contracts(config, path)
    for name in config.channels:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name):
            raise WrongUse(f"{path}: channel name {name!r} must be lower-case letters, digits and hyphens, at most 32.")
        settings = config.channel(name)
        settings.rate_per_second, settings.timeout_seconds  # noqa: B018 - both raise on a wrong value
        if settings.common.price:
            settings.common.price.micros  # noqa: B018


def _check_contracts(config: Config, path: Path) -> None:
    for name, contract in config.contracts.items():
        if bool(contract.channel) != bool(contract.price) or not (contract.price or contract.fixed):
            raise WrongUse(f"{path}: contracts.{name} needs `channel` with `price`, or `fixed`, or all three.")
        if contract.channel and contract.channel not in config.channels:
            raise WrongUse(f"{path}: contracts.{name} names the channel {contract.channel!r}, which has no table.")
        for price in filter(None, (contract.price, contract.fixed)):
            price.micros  # noqa: B018 - raises on a wrong value


def _check_duty(config: Config, path: Path) -> None:
    """Whoever is to be called in need must be reachable: a slip of the pen is found at the start, not then."""
    duty = config.duty
    if bool(duty.channel) != bool(duty.to) or (duty.fallback and len(duty.fallback.split()) != 2):
        raise WrongUse(
            f'{path}: [duty] needs `channel` and `to`, and `fallback` a channel and an address: "mail truc@tinh.example".'
        )
    for name, _ in duty.roads():
        if name not in config.channels:
            raise WrongUse(f"{path}: [duty] names the channel {name!r}, which has no [channels.{name}] table.")


def read_secret(reference: Any, *, folder: Path, where: str) -> Secret:
    """Follow `{ env = "NAME" }` or `{ file = "path" }`. Raises: WrongUse; the text never holds the value."""
    if not isinstance(reference, dict) or len(reference) != 1 or next(iter(reference)) not in ("env", "file"):
        raise WrongUse(f'{where} is a secret: write {{ env = "NAME" }} or {{ file = "path" }}, never the value itself.')
    kind, name = next(iter(reference.items()))
    if kind == "env":
        if not os.environ.get(name):
            raise WrongUse(f"{where}: the environment variable {name} is not set; set it, then try again.")
        return Secret(os.environ[name])
    path = folder / name
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{where}: cannot read {path}: {error.__class__.__name__}; put the secret there, one line."
        ) from None
    if not value:
        raise WrongUse(f"{where}: {path} is empty; put the secret there, one line.")
    return Secret(value)


def parse_span(text: str, *, where: str) -> timedelta:
    """`"30s"`, `"15min"`, `"6h"`, `"1day"`. Raises: WrongUse."""
    match = re.fullmatch(r"(\d{1,9})\s*(ms|s|min|h|day)", text)
    if not match:
        raise WrongUse(f'{where}: {text!r} is no span of time; write it like "30s", "15min", "6h" or "1day".')
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


def parse_rate(text: str, *, where: str) -> float:
    """`"10/s"` -> 10.0 per second; `""` -> 0.0, unlimited. Raises: WrongUse."""
    if not text:
        return 0.0
    match = re.fullmatch(r"(\d{1,7}(?:\.\d{1,3})?)/(s|min|h|day)", text)
    if not match or float(match[1]) == 0:
        raise WrongUse(f'{where}: {text!r} is no rate; write it like "10/s", "60/min" or "4000/h".')
    return float(match[1]) / SECONDS[match[2]]


def _keep_secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, Secret):
        return value
    raise NotImplementedError(kind)


def _sentence(error: msgspec.ValidationError) -> str:
    """msgspec says `Object contains unknown field `x` - at `$.web``; people know tables and keys."""
    text, _, at = str(error).partition(" - at `$")
    place = at.rstrip("`").lstrip(".").replace("[...]", "")
    text = text.replace("Object contains unknown field", "unknown key").replace(
        "Object missing required field", "missing key"
    )
    return f"{place + ': ' if place else ''}{text}. The keys and their meaning stand in config.example.toml."


def write_office_name(config: Config, name: str) -> None:
    """Put the office's name into the file that was read, and into `config`; every other line stays as it is."""
    path = config.folder / "config.toml"
    text = path.read_text(encoding="utf-8")
    line = f"name = {msgspec.json.encode(name).decode()}"
    head, found, rest = text.partition("[office]")
    if not found:
        text = f"[office]\n{line}\n\n{text}"
    else:
        section, bracket, others = rest.partition("\n[")
        changed, n = re.subn(r'(?m)^name\s*=\s*"(?:[^"\\\n]|\\.)*"', lambda _: line, section, count=1)
        text = head + found + (changed if n else f"\n{line}{section}") + bracket + others
    path.write_text(text, encoding="utf-8", newline="\n")
    config.office.name = name

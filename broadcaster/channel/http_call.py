"""The one place that judges which failure it was: certainly not sent, or perhaps sent. For aiohttp and for requests.

No retry, no redirect, no proxy from the environment, an overall deadline, a cap on the answer.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from broadcaster.channel.base import (
    ANSWER_LIMIT,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Refused,
    SendError,
    Throttled,
)
from broadcaster.clock import SystemClock

if TYPE_CHECKING:
    import aiohttp
    import requests

CONNECT_AT_MOST = (
    10.0  # seconds; and never more than half of the whole deadline, so that a slow connect is told from a slow answer
)
WAIT_UNSAID = timedelta(seconds=30)  # a throttle without a usable Retry-After
WAIT_LEAST = timedelta(seconds=1)
WAIT_MOST = timedelta(hours=1)  # a provider that says "in 30 years" is asked again in an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer, of any status; the body is at most ANSWER_LIMIT bytes, headers by lower-case name."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Raises: OutcomeUnknown if the body is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise OutcomeUnknown(
                f"The answer ({self.status}) is no JSON; it cannot be told whether the message was taken."
            ) from None


def retry_after(value: str | None, *, now: datetime) -> timedelta:
    """How long to wait by a Retry-After header: seconds or an HTTP date, held between one second and one hour."""
    text = (value or "").strip()
    try:
        return wait_of(float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return WAIT_UNSAID
    if moment.tzinfo is None:  # "-0000": RFC 5322 says the zone is unknown; HTTP dates are GMT
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - now, WAIT_LEAST), WAIT_MOST)


def wait_of(seconds: Any) -> timedelta:
    """A wait that a provider names in its body, held between one second and one hour; nonsense counts as unsaid."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or math.isnan(seconds) or seconds < 0:
        return WAIT_UNSAID
    return timedelta(seconds=min(max(float(seconds), WAIT_LEAST.total_seconds()), WAIT_MOST.total_seconds()))


def judge(answer: Answer, *, now: datetime | None = None) -> None:
    """Return if a 2xx says that it was taken; else raise what any HTTP answer means without a table of the provider's.

    Raises: Throttled, Misconfigured, Refused, OutcomeUnknown.
    """
    status, code = answer.status, str(answer.status)
    if 200 <= status < 300:
        return
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise throttled(answer, now=now)
    if status in (401, 403, 404, 407):  # who we are or where we send, not what we send: do not burn the audience
        raise Misconfigured(
            f"The provider answered {status}: check the address, the account and its rights.", code=code
        )
    if status == HTTPStatus.REQUEST_TIMEOUT or not 400 <= status < 500:
        raise lost(answer)
    raise Refused(f"The provider answered {status}: it will not take this message.", code=code)


def no_page(answer: Answer) -> None:
    """For receivers whose 2xx alone says that they have it. Raises: OutcomeUnknown if a web page answered.

    A hotel's login page does that, and a portal's error page with the wrong status.
    """
    if answer.headers.get("content-type", "").lower().startswith("text/html"):
        raise OutcomeUnknown(
            "A web page answered in the receiver's place; it cannot be told whether the message was taken.",
            code=str(answer.status),
        )


def throttled(answer: Answer, *, now: datetime | None = None, code: str = "") -> Throttled:
    """The error for a 429, with the wait its header names."""
    wait = retry_after(answer.headers.get("retry-after"), now=now or SystemClock().now())
    return Throttled("The provider says: too many requests.", wait=wait, code=code or str(answer.status))


def lost(answer: Answer) -> OutcomeUnknown:
    """The error for a status that proves nothing: 3xx, 408, 5xx and what is no status at all."""
    return OutcomeUnknown(
        f"The provider answered {answer.status}; it cannot be told whether the message was taken.",
        code=str(answer.status),
    )


def foreign(answer: Answer) -> SendError:
    """The error for a 4xx that is not in the provider's own words: something between us and the provider answered."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return throttled(answer)
    if answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return lost(answer)
    text = (
        f"Something answered {answer.status}, but not in the provider's words (a proxy, a portal?); nothing was sent."
    )
    kind = Misconfigured if answer.status in (401, 403, 404, 407) else NotAccepted
    return kind(text, code=str(answer.status))


class SeenIds:
    """The provider's ids of late: an answer that repeats one is no acceptance. Holds the last `keep`."""

    def __init__(self, *, keep: int = 10_000) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._keep = keep

    def claim(self, provider_id: str, *, owner: str) -> bool:
        """True if the id is new, or already belongs to the same dispatch."""
        if self._owners.setdefault(provider_id, owner) != owner:
            return False
        if len(self._owners) > self._keep:
            self._owners.popitem(last=False)
        return True


# ---- aiohttp


class Wire:
    """The connections to one provider: one session, made in the running loop at first use."""

    def __init__(self, *, connections: int, resolver: Any = None) -> None:
        self._connections = connections
        self._resolver = resolver  # what turns names into addresses; None: the system
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def call(
        self,
        method: str,
        url: str,
        *,
        timeout: float,  # seconds for everything: connect, send, answer
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request, and its whole answer whatever its status. `url` is complete and encoded; `body` is ready bytes.

        Raises: NotAccepted if no byte of the request left; Misconfigured for no address at all; OutcomeUnknown else.
        """
        import aiohttp

        session = self._session if self._loop is asyncio.get_running_loop() else None
        if session is None or session.closed:
            session = self._open()
        try:
            async with session.request(
                method, _address(url), data=body, headers=headers, timeout=_limits(timeout), allow_redirects=False
            ) as answer:
                return Answer(
                    status=answer.status,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=await _read(answer),
                )
        except aiohttp.ClientError as error:
            raise _of_aiohttp(error) from None  # the library's texts can hold the address, and with it a token
        except TimeoutError:
            raise OutcomeUnknown(
                "No whole answer in time; it cannot be told whether the message was taken.", code="timeout"
            ) from None
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise OutcomeUnknown(
                f"The line broke ({_name(error)}); it cannot be told whether the message was taken."
            ) from None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, resolver=self._resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("Accept-Encoding", "User-Agent", "Content-Type"),
        )
        self._session._retry_connection = False  # it would send a GET again when the line breaks: a second message
        return self._session


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    length = answer.content_length
    if length is not None and length <= ANSWER_LIMIT and "Content-Encoding" not in answer.headers:
        return await answer.read()
    pieces, total = [], 0
    async for piece in answer.content.iter_any():  # counted after unpacking, so that a small bomb stays small
        pieces.append(piece)
        total += len(piece)
        if total > ANSWER_LIMIT:
            answer.close()
            raise OutcomeUnknown(
                f"The answer is larger than {ANSWER_LIMIT} bytes; it cannot be told whether the message was taken."
            )
    return b"".join(pieces)


def _of_aiohttp(error: aiohttp.ClientError) -> SendError:
    import aiohttp

    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return Misconfigured("The provider's address is no http(s) address; correct `api_base`.")
    if isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ServerFingerprintMismatch
    ):
        return NotAccepted(f"No connection to the provider ({_name(error)}); nothing was sent.", code=_name(error))
    if isinstance(error, aiohttp.ServerTimeoutError):
        return OutcomeUnknown(
            "No whole answer in time; it cannot be told whether the message was taken.", code="timeout"
        )
    return OutcomeUnknown(
        f"The line broke ({_name(error)}); it cannot be told whether the message was taken.", code=_name(error)
    )


def _name(error: BaseException) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{error.__class__.__name__}{': ' + reason if isinstance(reason, str) and len(reason) < 80 else ''}"


@lru_cache(maxsize=64)
def _limits(timeout: float) -> aiohttp.ClientTimeout:
    import aiohttp

    return aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_AT_MOST, timeout / 2))


@lru_cache(maxsize=256)
def _address(url: str) -> Any:
    from yarl import URL

    try:
        return URL(url, encoded=True)
    except ValueError:
        raise Misconfigured("The provider's address is no http(s) address; correct `api_base`.") from None


# ---- requests: for channels with a plain `send`, which runs on a thread


class _Flight(threading.local):
    """How far this thread's request has come: the socket in use, and whether a byte was handed to it."""

    sock: Any = None
    began: bool = False


_flight = _Flight()


def session() -> requests.Session:
    """A session for `post` and `request`: no retries, no redirects, no cookies, no proxies from the environment."""
    from http.cookiejar import DefaultCookiePolicy

    import requests

    class Straight(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
            """Nowhere: even when told not to follow, requests would read a redirect's whole body to prepare for it."""
            return None

    made = Straight()
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _watching_adapter()(max_retries=0)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


def post(session: requests.Session, url: str, *, timeout: float, **body: Any) -> Answer:
    """POST once, within `timeout` seconds in all, and judge the answer: it returns only on a 2xx.

    `body` is what requests takes: `json=`, `data=`, `headers=`, `auth=`. Raises: only the five errors.
    """
    answer = request(session, "POST", url, timeout=timeout, **body)
    judge(answer)
    return answer


def request(session: requests.Session, method: str, url: str, *, timeout: float, **body: Any) -> Answer:
    """One request and its whole answer whatever its status; for channels that have a table of the provider's own codes.

    Raises: NotAccepted if no byte of the request left; Misconfigured for no address at all; OutcomeUnknown else.
    """
    import requests

    _flight.sock, _flight.began = None, False
    connect = min(CONNECT_AT_MOST, timeout / 2)
    try:
        with (
            _cut_at(timeout),
            session.request(
                method, url, timeout=(connect, timeout), allow_redirects=False, stream=True, **body
            ) as answer,
        ):
            content = _read_raw(answer)
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise Misconfigured("The provider's address is no http(s) address; correct `api_base`.") from None
    except (requests.RequestException, OSError, EOFError, ValueError) as error:
        if not _flight.began:
            raise NotAccepted(
                f"No connection to the provider ({_name(error)}); nothing was sent.", code=_name(error)
            ) from None
        raise OutcomeUnknown(
            f"The line broke ({_name(error)}); it cannot be told whether the message was taken.", code=_name(error)
        ) from None
    finally:
        _flight.sock = None
    return Answer(
        status=answer.status_code, headers={name.lower(): value for name, value in answer.headers.items()}, body=content
    )


def _read_raw(answer: requests.Response) -> bytes:
    content = bytearray()
    for piece in answer.iter_content(16 * 1024):
        content += piece
        if len(content) > ANSWER_LIMIT:
            raise OutcomeUnknown(
                f"The answer is larger than {ANSWER_LIMIT} bytes; it cannot be told whether the message was taken."
            )
    return bytes(content)


@contextmanager
def _cut_at(timeout: float) -> Iterator[None]:
    """End this thread's request after `timeout` seconds: no read timeout ends an answer of one byte every 5 s."""
    flight = {"over": False}
    mine = _flight.__dict__

    def cut() -> None:
        flight["over"] = True
        sock = mine.get("sock")
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if flight["over"]:  # a body that ends with the line looks whole when we cut it
        raise OutcomeUnknown(
            "No whole answer in time; it cannot be told whether the message was taken.", code="timeout"
        )


@lru_cache(maxsize=1)
def _watching_adapter() -> type:
    """requests mixes safe and unsafe failures in one error; this adapter knows whether a byte was handed over."""
    from http.client import HTTPResponse, RemoteDisconnected

    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class WholeHead(HTTPResponse):
        def begin(self) -> None:
            """The library takes headers that break off for headers that end."""
            file = self.fp
            watched: Any = _LastLine(file)
            self.fp = watched
            super().begin()
            if self.fp is watched:
                self.fp = file
            if watched.last == b"":
                raise RemoteDisconnected("the answer ends within its headers")

    class Watched:
        response_class: Any = WholeHead
        sock: Any
        connect: Callable[[], None]

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            # the socket, not the connection: that one lets go of it when the answer ends with the line
            _flight.sock, _flight.began = self.sock, True
            super().send(data)  # type: ignore[misc]

    class Plain(Watched, HTTPConnection):
        pass

    class Tls(Watched, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    return Adapter


class _LastLine:
    """A file that remembers the last line read from it."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.last: bytes | None = None

    def readline(self, *limit: int) -> bytes:
        self.last = self.file.readline(*limit)
        return self.last or b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

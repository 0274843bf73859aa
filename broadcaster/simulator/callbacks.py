"""How a simulated provider calls back: form or query, in order, to loopback only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import aiohttp

LOOPBACK = ("127.0.0.1", "localhost", "::1")
AT_ONCE = 8  # callbacks under way
PATIENCE = aiohttp.ClientTimeout(total=10.0)  # seconds

Form = Mapping[str, str]


class Calls:
    """The callbacks of one provider. `answers` keeps what each was answered; `wait` until all have been made."""

    def __init__(self) -> None:
        self.answers: list[int] = []  # HTTP status, 0 for none
        self.hold = False  # keep them back until `release`
        self._kept: list[tuple[str, Sequence[Form], Callable[[Form], Mapping[str, str]], str]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn: asyncio.Semaphore | None = None
        self._session: aiohttp.ClientSession | None = None

    def start(
        self,
        url: str,
        forms: Sequence[Form],
        sign: Callable[[Form], Mapping[str, str]] = lambda _form: {},
        *,
        method: str = "POST",
    ) -> None:
        """Call `url` once for each form. A simulator never calls another machine."""
        if urlsplit(url).hostname not in LOOPBACK:
            return
        if self.hold:
            self._kept.append((url, forms, sign, method))
            return
        task = asyncio.get_running_loop().create_task(self._make(url, forms, sign, method))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def release(self) -> None:
        """Make the calls that were held, and hold no more."""
        self.hold = False
        kept, self._kept = self._kept, []
        for url, forms, sign, method in kept:
            self.start(url, forms, sign, method=method)

    async def wait(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _make(
        self, url: str, forms: Sequence[Form], sign: Callable[[Form], Mapping[str, str]], method: str
    ) -> None:
        self._turn = self._turn or asyncio.Semaphore(AT_ONCE)
        async with self._turn:
            for form in forms:
                self.answers.append(await self._one(url, form, sign(form), method))

    async def _one(self, url: str, form: Form, headers: Mapping[str, str], method: str) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=PATIENCE, trust_env=False)
        body = None
        if method == "GET":
            url += ("&" if "?" in url else "?") + urlencode(form)
        else:
            body = urlencode(form).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        try:
            from yarl import URL

            where = URL(url, encoded=True)
            async with self._session.request(
                method, where, data=body, headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0

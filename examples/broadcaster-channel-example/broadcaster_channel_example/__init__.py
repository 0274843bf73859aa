"""A commune's electronic notice board, over the HTTP interface of the computer that drives it.

    PUT /boards/{board}/notices/{id}    {"title", "text", "language", "until"}    201 shown, 200 known already
    DELETE /boards/{board}/notices/{id}                                           204 gone, 404 was not there

The same id is shown once, however often it is put: so a lost answer is simply repeated.
"""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct

from broadcaster.channel import http_call
from broadcaster.channel.base import Accepted, Outgoing, Traits
from broadcaster.config import ChannelSettings, Secret

LONGEST = 500  # characters; what a board shows without scrolling for minutes


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    token: Secret  # in config.toml: token = { file = "secrets/board.token" }
    board: str


class NoticeBoard:
    """One board. `send` is a plain method, so each call runs on a thread."""

    traits = Traits(
        unit="public", address="public", after_silence="repeat", forms=("headline", "text"), max_length=LONGEST
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = settings.options(Options)
        self._base = settings.common.api_base.rstrip("/")
        self._session = http_call.session()  # requests, without its retries, redirects, cookies and proxies
        self._session.headers["Authorization"] = f"Bearer {self._options.token.reveal()}"

    def check(self, outgoing: Outgoing) -> list[str]:
        if not outgoing.text.strip():
            return ["The text is empty; write the `headline` or the `text` form."]
        if len(outgoing.text) > LONGEST:
            return [f"{len(outgoing.text)} characters; a board shows at most {LONGEST}: write a `headline` form."]
        return []

    def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        notice = {
            "title": outgoing.title,
            "text": outgoing.text,
            "language": outgoing.language,
            "until": outgoing.expires_at.isoformat(),
        }
        answer = http_call.request(
            self._session, "PUT", self._address(outgoing.dedupe_key), json=notice, timeout=timeout
        )
        http_call.judge(answer)  # returns on 2xx, else raises the one of the five errors that fits
        return Accepted(provider_id=outgoing.dedupe_key)

    def take_down(self, provider_id: str) -> None:
        """For corrections: a channel that has this method is asked to remove what it published."""
        answer = http_call.request(self._session, "DELETE", self._address(provider_id), timeout=10.0)
        if answer.status != 404:  # gone already: repeatable
            http_call.judge(answer)

    async def close(self) -> None:
        self._session.close()

    def _address(self, notice: str) -> str:
        return f"{self._base}/boards/{quote(self._options.board, safe='')}/notices/{quote(notice, safe='')}"

"""Every request we make against a description of the Bot API that is not ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from channel_builders import TELEGRAM, MakeOutgoing, MakeSettings

from broadcaster.channel.telegram import Telegram
from broadcaster.simulator.telegram import TelegramSimulator

pytestmark = pytest.mark.anyio

PLAIN: dict[str, type | tuple[type, ...]] = {
    "Integer": int,
    "String": str,
    "Boolean": bool,
    "True": bool,
    "Float": (int, float),
}


class Recorder(TelegramSimulator):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.requests: list[tuple[str, dict[str, Any]]] = []

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.path.rpartition("/")[2], json.loads(body) if body else {}))
        return await super()._handle(request)


def faults(spec: Any, fields: list[Any], values: dict[str, Any], where: str) -> list[str]:
    """What of `values` the description does not allow."""
    known = {field["name"]: field for field in fields}
    found = [f"{where}: unknown {name}" for name in values if name not in known]
    found += [f"{where}: missing {name}" for name, field in known.items() if field["required"] and name not in values]
    for name, value in values.items():
        if name in known and not any(_is(spec, kind, value, f"{where}.{name}", found) for kind in known[name]["types"]):
            found.append(f"{where}.{name}: {value!r} is none of {known[name]['types']}")
    return found


def _is(spec: Any, kind: str, value: Any, where: str, found: list[str]) -> bool:
    if kind in PLAIN:
        return isinstance(value, PLAIN[kind]) and (kind in ("Boolean", "True") or not isinstance(value, bool))
    if kind.startswith("Array of "):
        return isinstance(value, list) and all(
            _is(spec, kind.removeprefix("Array of "), one, where, found) for one in value
        )
    if not isinstance(value, dict):
        return False
    found += faults(spec, spec["types"][kind]["fields"], value, where)
    return True


@pytest.fixture(scope="session")
def spec(outside: Callable[[str], Any]) -> Any:
    return outside("telegram-bot-api.json")


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("to", ["@kenhtinh", "-1001234567890"])
async def test_a_post_conforms(
    silent: bool, to: str, spec: Any, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with Recorder() as provider:
        own = TELEGRAM | {"silent": silent}
        channel = Telegram("tg", make_settings("telegram", own, name="tg", api_base=provider.url))
        await channel.send(make_outgoing(to=to, text="<&>"), timeout=5)
        await channel.close()

    ((method, values),) = provider.requests
    assert faults(spec, spec["methods"][method]["fields"], values, method) == []


async def test_the_simulated_bot_is_a_user(spec: Any) -> None:
    bot = json.loads(_get_me())["result"]

    assert faults(spec, spec["types"]["User"]["fields"], bot, "User") == []


def _get_me() -> bytes:
    from aiohttp.test_utils import make_mocked_request

    answer = TelegramSimulator().read(make_mocked_request("GET", "/bot42:abc/getMe"), b"")
    assert hasattr(answer, "body")
    return bytes(answer.body)


def test_the_description_would_notice_what_is_wrong(spec: Any) -> None:
    fields = spec["methods"]["sendMessage"]["fields"]

    found = faults(spec, fields, {"text": 5, "colour": "red", "link_preview_options": {"is_disabled": "yes"}}, "m")

    assert sorted(found) == [
        "m.link_preview_options.is_disabled: 'yes' is none of ['Boolean']",
        "m.text: 5 is none of ['String']",
        "m: missing chat_id",
        "m: unknown colour",
    ]

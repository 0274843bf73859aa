"""Built-ins and plug-ins come through one door, and a wrong name is answered with the right ones."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from channel_builders import TWILIO, MakeSettings

from broadcaster.channel import registry
from broadcaster.channel.base import Traits
from broadcaster.errors import WrongUse


def offer(monkeypatch: pytest.MonkeyPatch, **doors: str | list[str]) -> None:
    """Pretend that these are the installed adapters: name -> module:class."""
    points = [
        EntryPoint(name=name, value=value, group=registry.GROUP)
        for name, values in doors.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [p for p in points if p.group == group])
    registry._doors.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_doors() -> object:
    yield
    registry._doors.cache_clear()


def test_the_built_ins_are_found_through_the_public_door() -> None:
    assert {"memory", "twilio", "telegram", "feed"} <= set(registry.names())
    assert all(isinstance(registry.traits(name), Traits) for name in registry.adapters())


def test_an_unknown_adapter_is_answered_with_the_known_ones(make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        registry.build(make_settings("twillio"))

    assert "'twillio'" in str(caught.value)
    assert "telegram, twilio" in str(caught.value)


def test_an_adapter_that_cannot_be_imported_is_named_and_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, gone="no_such_package.channel:Gone", memory="broadcaster.channel.memory:Memory")

    with pytest.raises(WrongUse) as caught:
        registry.adapter("gone")

    assert "no_such_package" in str(caught.value)
    assert registry.names() == ["gone", "memory"]
    assert registry.traits("memory").forms


def test_a_class_without_traits_is_no_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, odd="decimal:Decimal")

    with pytest.raises(WrongUse) as caught:
        registry.traits("odd")

    assert "write-a-channel.md" in str(caught.value)


def test_two_packages_that_offer_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, sms=["broadcaster.channel.memory:Memory", "broadcaster.channel.feed:Feed"])

    with pytest.raises(WrongUse) as caught:
        registry.names()

    assert "Two packages" in str(caught.value)


@pytest.mark.parametrize("name", ["memory", "twilio", "telegram", "feed"])
def test_an_unknown_key_is_named(name: str, make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        registry.build(make_settings(name, {"colour": "red"}, name="ch"))

    assert "channels.ch" in str(caught.value)


def test_a_token_written_into_the_file_is_refused_and_not_repeated(make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        registry.build(make_settings("twilio", TWILIO | {"auth_token": "plain-canary"}))

    assert "canary" not in str(caught.value)


def test_no_providers_library_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys; from broadcaster.channel import registry; registry.adapters();"
        "heavy = {'twilio', 'telegram', 'aiohttp', 'requests', 'httpx', 'jinja2'} & set(sys.modules); assert not heavy, heavy"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr

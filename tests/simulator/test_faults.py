"""The same script and seed play the same faults, whatever the order of things."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadcaster.errors import WrongUse
from broadcaster.simulator import faults
from broadcaster.simulator.faults import Fault, Play, Script

NUMBER = "+84912345678"


def played(*rules: Fault, seed: int = 0, requests: int = 10, to: str = NUMBER) -> list[int]:
    """The numbers of the requests that met a fault."""
    play = Play(Script(seed=seed, fault=list(rules)), "twilio")
    return [number for number in range(1, requests + 1) if play.fault_for(number=number, to=to)]


def test_a_rule_plays_on_its_request_its_address_its_provider_and_no_other() -> None:
    assert played(Fault(do="throttle", request=3)) == [3]
    assert played(Fault(do="throttle", every=4)) == [4, 8]
    assert played(Fault(do="throttle", to=NUMBER, times=2)) == [1, 2]
    assert played(Fault(do="throttle", to="+84900000000")) == []
    assert played(Fault(do="throttle", on="telegram")) == []
    assert played(Fault(do="throttle", every=2, to=NUMBER, on="twilio", times=1)) == [2]


def test_the_first_rule_that_fits_plays() -> None:
    play = Play(Script(fault=[Fault(do="cut-after", request=2), Fault(do="slow")]), "twilio")

    kinds = [fault.do for number in (1, 2) if (fault := play.fault_for(number=number, to=""))]

    assert kinds == ["slow", "cut-after"]


def test_a_probability_depends_on_the_seed_and_the_request_alone() -> None:
    rule = Fault(do="throttle", probability=0.1)
    first = played(rule, seed=1, requests=10_000)

    assert played(rule, seed=1, requests=10_000) == first
    assert played(rule, seed=2, requests=10_000) != first
    assert 900 < len(first) < 1100


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", 'seed = 7\n[[fault]]\ndo = "cut-after"\nprobability = 0.5\n'),
        ("a.json", '{"seed": 7, "fault": [{"do": "cut-after", "probability": 0.5}]}'),
    ],
)
def test_a_script_is_read_from_toml_and_json(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)

    script = faults.read(tmp_path / name)

    assert script == Script(seed=7, fault=[Fault(do="cut-after", probability=0.5)])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[[fault]]\ndo = "explode"\n', "explode"),
        ('[[fault]]\ndo = "slow"\nprobabilty = 1\n', "probabilty"),
        ('[[fault]]\ndo = "slow"\nprobability = 2.0\n', "probability"),
        ("[[fault]\n", "line 1"),
    ],
)
def test_a_wrong_script_is_answered_with_file_and_key(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(text)

    with pytest.raises(WrongUse) as caught:
        faults.read(tmp_path / "bad.toml")

    assert "bad.toml" in str(caught.value)
    assert named in str(caught.value)


def test_a_missing_script_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as caught:
        faults.read(tmp_path / "none.toml")

    assert "none.toml" in str(caught.value)

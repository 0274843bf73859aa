"""The token of the opt-out page: short, of one length, and nobody's but the office's."""

from __future__ import annotations

import pytest

from broadcaster.channel.opt_out_link import LENGTH, LETTERS, is_genuine, link, number_of, sample, token

KEY, SALT = b"office-key", b"s" * 32


@pytest.mark.parametrize("address", [1, 2, 61, 62, 10_000, 2**32 - 1])
def test_a_token_says_whose_it_is_and_is_genuine(address: int) -> None:
    made = token(KEY, address, SALT)

    assert len(made) == LENGTH
    assert set(made) <= set(LETTERS)
    assert number_of(made) == address
    assert is_genuine(KEY, made, SALT)


def test_one_changed_letter_another_key_another_salt_or_another_person_is_not_genuine() -> None:
    made = token(KEY, 7, SALT)

    others = [made[:at] + ("a" if made[at] != "a" else "b") + made[at + 1 :] for at in range(LENGTH)]

    assert not any(is_genuine(KEY, other, SALT) for other in others)
    assert not is_genuine(b"other", made, SALT)
    assert not is_genuine(KEY, made, b"t" * 32)
    assert len({token(KEY, address, SALT)[:8] for address in range(1, 2000)}) == 1999


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 15, "x" * 17, "-" * 16, "z" * 16, "Ａ" * 16, "0" * 16, "../../etc/passwd"]
)
def test_what_is_no_token_opens_nothing(text: str) -> None:
    assert not is_genuine(KEY, text, SALT)


@pytest.mark.parametrize("public", ["https://tin.example.gov.vn", "https://tin.example.gov.vn/"])
def test_a_link_has_the_length_that_was_counted_with(public: str) -> None:
    made = link(public, KEY, kind="phone", address=5, salt=SALT)

    assert len(made) == len(sample(public))
    assert made.startswith("https://tin.example.gov.vn/o/")


@pytest.mark.parametrize(
    "spoilt", [{"public_url": ""}, {"kind": "telegram"}, {"kind": "public"}, {"salt": None}, {"salt": b""}]
)
def test_there_is_no_link_without_an_address_of_ours_or_a_person_of_their_own(spoilt: dict[str, object]) -> None:
    values: dict[str, object] = {"public_url": "https://x.vn", "kind": "phone", "salt": SALT} | spoilt

    made = link(values.pop("public_url"), KEY, address=5, **values)  # type: ignore[arg-type]

    assert made == ""

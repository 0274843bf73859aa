from __future__ import annotations

import pytest

from broadcaster.channel.address import commitment, mask, suppression_key


def test_a_suppression_key_depends_on_the_office_the_kind_and_the_value() -> None:
    key = suppression_key(b"office", "phone", "+84912345678")

    others = {
        suppression_key(b"another", "phone", "+84912345678"),
        suppression_key(b"office", "zalo", "+84912345678"),
        suppression_key(b"office", "phone", "+84912345679"),
    }

    assert len(key) == 32
    assert key not in others
    assert len(others) == 3


def test_a_commitment_is_the_hash_an_auditor_recomputes_from_salt_and_number() -> None:
    salt = bytes(range(32))

    found = commitment(salt, "phone", "+84912345678")

    # printf over the same bytes and sha256sum
    assert found.hex() == "50a036df76abba56a5e3d2214079e9ee02864b958475c348370ac3ad0ec143bd"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("phone", "+84912345678", "+84 91• ••• •78"),
        ("phone", "+12025550123", "+12•••••••23"),
        ("email", "nga.tran@example.vn", "n•••@example.vn"),
        ("zalo", "2512523625412515", "•••2515"),
        ("telegram", "@kenh", "•••h"),
        ("public", "web", "web"),
        ("phone", None, "erased"),
    ],
)
def test_a_mask_shows_enough_to_recognise_and_too_little_to_use(kind: str, value: str | None, shown: str) -> None:
    assert mask(kind, value) == shown

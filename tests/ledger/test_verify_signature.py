"""The verifier's own Ed25519, held to another implementation and to the encodings that an attacker would try."""

from __future__ import annotations

import base64

import ledger_story as story
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.ledger import checkpoint
from broadcaster.ledger.verify import ORDER, P, point, read_checkpoint, signed

# The first test vector with a message: RFC 8032, section 7.1, TEST 2.
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def fits(key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        return signed(key, text, signature)
    except ValueError:
        return False


def test_the_standards_own_example_fits() -> None:
    assert fits(PUBLIC, b"\x72", SIGNATURE)
    assert not fits(PUBLIC, b"\x73", SIGNATURE)


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=99), st.integers(0, 511))
def test_signatures_of_another_implementation_fit_until_a_bit_is_turned(seed: bytes, text: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(text)

    turned = (int.from_bytes(signature, "little") ^ 1 << bit).to_bytes(64, "little")

    assert fits(public, text, signature)
    assert not fits(public, text, turned)


def test_the_second_way_to_write_a_signature_is_refused() -> None:
    larger = int.from_bytes(SIGNATURE[32:], "little") + ORDER

    assert not fits(PUBLIC, b"\x72", SIGNATURE[:32] + larger.to_bytes(32, "little"))


@pytest.mark.parametrize("small", [1, 0, P - 1])  # orders 1, 4 and 2
def test_a_key_of_small_order_under_which_one_signature_fits_every_text_is_refused(small: int) -> None:
    generator = (4 * pow(5, P - 2, P) % P).to_bytes(32, "little")

    found = [fits(small.to_bytes(32, "little"), bytes([n]), generator + (1).to_bytes(32, "little")) for n in range(8)]

    assert not any(found)


def test_the_second_way_to_write_a_point_is_refused() -> None:
    def readable(y: int) -> bool:
        try:
            point(y.to_bytes(32, "little"))
        except ValueError:
            return False
        return True

    twice = [y for y in range(19) if readable(y)]

    assert twice
    assert not any(readable(y + P) for y in twice)


def test_the_second_way_to_write_base64_is_refused() -> None:
    note = story.KEY.sign(checkpoint.body(story.ORIGIN, 1, b"r" * 32), story.ORIGIN)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = note[:-3] + letters[letters.index(note[-3]) + 1] + note[-2:]

    assert base64.b64decode(other.split()[-1]) == base64.b64decode(note.split()[-1])
    assert read_checkpoint("x", note.encode(), {0: story.KEY.public})[0] == 1
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint("x", other.encode(), {0: story.KEY.public})


def test_a_checkpoint_may_carry_the_signatures_of_witnesses_and_lines_of_its_own() -> None:
    body = checkpoint.body(story.ORIGIN, 1, b"r" * 32) + "an extension line\n"
    note = story.OTHER_KEY.sign(body, "witness") + story.KEY.sign(body, story.ORIGIN).rpartition("\n\n")[2]

    size, _ = read_checkpoint("x", note.encode(), {0: story.KEY.public})

    assert size == 1

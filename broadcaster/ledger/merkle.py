"""The RFC 9162 Merkle tree over entry bytes. Pure; section 2.1 of the RFC is the source of every rule here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(raw: bytes) -> bytes:
    return sha256(b"\x00" + raw).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: `size` leaves, and the roots of its perfect subtrees, largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """The frontier with more leaf hashes on the right."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            node, at = leaf, size
            while at & 1:  # a perfect subtree of the same height stands to the left: join them
                node = node_hash(peaks.pop(), node)
                at >>= 1
            peaks.append(node)
            size += 1
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    return Frontier().extend(leaves).root()


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The path that proves leaf `index` in the tree over `leaves` (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"no leaf {index} in a tree of {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(index, leaves[:split]), root_of(leaves[split:])]
    return [*inclusion_proof(index - split, leaves[split:]), root_of(leaves[:split])]


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The nodes that prove the tree over the first `old_size` leaves a prefix of the whole (RFC 9162, 2.1.4.1)."""
    if not 0 < old_size <= len(leaves):
        raise ValueError(f"a tree of {len(leaves)} has no earlier size {old_size}")
    return _consistency(old_size, leaves, True)


def _consistency(old_size: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [root_of(leaves)]
    split = _split(len(leaves))
    if old_size <= split:
        return [*_consistency(old_size, leaves[:split], whole), root_of(leaves[split:])]
    return [*_consistency(old_size - split, leaves[split:], False), root_of(leaves[:split])]


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def streamed_inclusion(index: int, size: int, leaves: Iterator[bytes]) -> list[bytes]:
    """`inclusion_proof` over `size` leaf hashes that are read once, in order, in constant memory."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    if size == 1:
        next(leaves)
        return []
    split = _split(size)
    if index < split:
        path = streamed_inclusion(index, split, leaves)
        return [*path, root_of(islice(leaves, size - split))]
    left = root_of(islice(leaves, split))
    return [*streamed_inclusion(index - split, size - split, leaves), left]

"""The end of a callback's path for a provider that signs nothing: who knows it was told it by us."""

from __future__ import annotations

import hmac
from hashlib import sha256

from broadcaster.config import Secret


def hook_token(secret: Secret, *, adapter: str, channel: str) -> str:
    """32 hex characters, the same as long as the account's secret is; no two channels have the same."""
    return hmac.digest(secret.reveal().encode(), f"hook:{adapter}:{channel}".encode(), sha256).hex()[:32]

"""Connections that may lead to the public internet only: a name is resolved once, every address it has is looked at, and
the connection goes to what was looked at. So no name leads into our own network, not even one that changes its mind.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from broadcaster.channel.base import Misconfigured

NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last four bytes
SITE_LOCAL = ip_network("fec0::/10")  # RFC 3879, deprecated, but routed in old networks


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet; what carries an IPv4 address is judged by that one too."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(
        one.is_global and not (one.is_multicast or one.is_reserved or one in SITE_LOCAL) for one in _with_inner(found)
    )


def _with_inner(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """What a gateway would make of it: of a mapped, a 6to4, a Teredo and a NAT64 address the IPv4 address inside."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    inner = [address.sixtofour, *(address.teredo or ())]
    return [address, *(one for one in inner if one is not None)]


class PublicOnly:
    """A resolver for aiohttp. A name that has any address of our own networks is not connected to at all."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[Any]:
        """Raises: Misconfigured; OSError if there is no such name."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG if family == 0 else 0
        )
        addresses = [(kind, str(address[0])) for kind, _, _, _, address in found]
        if not all(is_public(address) for _, address in addresses):
            raise Misconfigured(
                "The name leads to an address that is not on the public internet; nothing was sent. If the receiver stands in"
                " your own network, set `allow_private = true` for this channel.",
                code="private",
            )
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": kind,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for kind, address in addresses
        ]

    async def close(self) -> None:
        return

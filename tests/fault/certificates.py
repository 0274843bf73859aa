"""Certificates of an authority that exists for a test only, and the servers that show them."""

from __future__ import annotations

import ssl
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM
SHOWN = ("good", "expired", "wrong-name", "self-signed", "old-tls")


@dataclass(frozen=True)
class Authority:
    """What clients under `trusted` believe, and a server's TLS by what is wrong with it."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def server(self, shown: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = "good" if shown == "old-tls" else shown
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        if shown == "old-tls":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the library warns of TLS 1.0, and that is the point
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1
        return context

    def trusted(self, patch: pytest.MonkeyPatch) -> None:
        """Let both HTTP clients believe this authority, as they believe those of the machine."""
        import aiohttp.connector
        import requests.adapters

        patch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(self.file)))
        patch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(self.file))


def make(folder: Path) -> Authority:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _builder("Test authority", ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    ca = ca.add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), False)
    root = ca.sign(ca_key, hashes.SHA256())
    (folder / "ca.pem").write_bytes(root.public_bytes(PEM))
    for name, san, days in (
        ("good", "127.0.0.1", 1),
        ("expired", "127.0.0.1", -1),
        ("wrong-name", "10.9.8.7", 1),
        ("self-signed", "127.0.0.1", 1),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        built = _builder(name, key, issuer=None if name == "self-signed" else root.subject, days=days)
        built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(san))]), False)
        signer = key if name == "self-signed" else ca_key
        made = built.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False).sign(
            signer, hashes.SHA256()
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(PEM))
        secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{name}.key").write_bytes(secret)
    return Authority(folder)


def _builder(name: str, key: Any, *, issuer: x509.Name | None = None, days: int = 1) -> x509.CertificateBuilder:
    """Valid from ten days ago until `days` from now, by the machine's clock: the libraries check against that one."""
    now = datetime.now(UTC)  # noqa: TID251 - see above
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
    )

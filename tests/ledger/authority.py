"""An authority for time stamps that answers over HTTP with real tokens, made by OpenSSL."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

SETTINGS = """\
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority(HTTPServer):
    """`status` is its answer; `spoil` changes what it says; `asked` counts."""

    status = 200

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.asked, self.certificate = folder, 0, folder / "authority.pem"
        self.old: bytes | None = None  # an answer to give whatever is asked
        folder.mkdir()
        (folder / "serial").write_text("01\n")
        (folder / "tsa.conf").write_text(SETTINGS.format(folder=folder.as_posix()))
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-keyout", folder / "key.pem", "-out",
            self.certificate, "-subj", "/CN=Test", "-addext", "extendedKeyUsage=critical,timeStamping")  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/tsr?token=7f3a"

    def stamp(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        run("openssl", "ts", "-reply", "-config", self.folder / "tsa.conf", "-queryfile", self.folder / "query", "-signer",
            self.certificate, "-inkey", self.folder / "key.pem", "-out", self.folder / "answer")  # fmt: skip
        return (self.folder / "answer").read_bytes()

    def accepts(self, data: Path, answer: Path) -> bool:
        """What an auditor asks by hand."""
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-data", data, "-in", answer, "-CAfile", self.certificate], capture_output=True
        )
        return done.returncode == 0


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        authority = self.server
        assert isinstance(authority, Authority)
        assert self.headers["Content-Type"] == "application/timestamp-query"
        query = self.rfile.read(int(self.headers["Content-Length"]))
        authority.asked += 1
        answer = authority.stamp(query) if authority.old is None else authority.old
        self.send_response(authority.status)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None: ...


@contextmanager
def authority_in(folder: Path) -> Iterator[Authority]:
    server = Authority(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)

"""Those outside that the log talks to: an address, a mail server, a time stamping authority."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any


class Http:
    """An endpoint that keeps what it is sent, or misbehaves as told."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.methods: list[str] = []
        self.status, self.location = 201, ""
        self.answer: Callable[[bytes], bytes] = lambda _: b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                outer.methods.append(self.command)
                if outer.status < 300:
                    outer.kept[self.path] = body
                self._say(outer.status, outer.answer(body))

            do_POST = do_PUT = _take  # noqa: N815  as the standard library calls them

            def do_GET(self) -> None:
                outer.methods.append("GET")
                self._say(200 if self.path in outer.kept else 404, outer.kept.get(self.path, b""))

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def served(web: HTTPServer, found: Any) -> Iterator[Any]:
    thread = threading.Thread(target=web.serve_forever, args=(0.02,))
    thread.start()
    yield found
    web.shutdown()
    thread.join()
    web.server_close()


class MailSink(threading.Thread):
    """Takes one message at a time by SMTP."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.mails: list[bytes] = []

    def run(self) -> None:
        while True:
            try:
                talk, _ = self.socket.accept()
            except OSError:
                return
            with talk, talk.makefile("rwb") as line:
                self._serve(line)

    def _serve(self, line: Any) -> None:
        def say(text: bytes) -> None:
            line.write(text + b"\r\n")
            line.flush()

        say(b"220 sink")
        while word := line.readline().upper().strip():
            if word == b"DATA":
                say(b"354 go")
                text = b""
                while (part := line.readline()) != b".\r\n":
                    text += part.removeprefix(b".") if part.startswith(b"..") else part
                self.mails.append(text)
            if word == b"QUIT":
                return say(b"221 bye")
            say(b"250 ok")
        return None


class Authority:
    """A time stamping authority made with the openssl command."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.roots = folder, folder / "root.pem"
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(
            "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = Test stamps\n"
            "[ca]\nbasicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign\n"
            "[leaf]\nextendedKeyUsage = critical, timeStamping\nkeyUsage = critical, digitalSignature\n"
            "[tsa]\ndefault_tsa = one\n[one]\nserial = serial\nsigner_cert = leaf.pem\n"
            "signer_key = leaf.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256, sha512\n"
            "ess_cert_id_alg = sha256\n"
        )
        new = "-newkey rsa:2048 -nodes -config tsa.cnf"
        self._openssl(f"req -x509 {new} -keyout root.key -out root.pem -days 30 -extensions ca -subj /CN=Root")
        self._openssl(f"req {new} -keyout leaf.key -out leaf.csr")
        by = "-CA root.pem -CAkey root.key -CAcreateserial -extfile tsa.cnf -extensions leaf"
        self._openssl(f"x509 -req -in leaf.csr {by} -out leaf.pem -days 30")

    def _openssl(self, words: str) -> int:
        return subprocess.run(["openssl", *words.split()], cwd=self.folder, capture_output=True, check=True).returncode

    def reply(self, query: bytes) -> bytes:
        (self.folder / "in.tsq").write_bytes(query)
        self._openssl("ts -reply -config tsa.cnf -queryfile in.tsq -out out.tsr")
        return (self.folder / "out.tsr").read_bytes()

    def verifies(self, message: bytes, token: bytes) -> bool:
        (self.folder / "message").write_bytes(message)
        (self.folder / "token.tsr").write_bytes(token)
        try:
            return not self._openssl("ts -verify -data message -in token.tsr -CAfile root.pem")
        except subprocess.CalledProcessError:
            return False

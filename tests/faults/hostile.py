"""An S3 service that fails on purpose: moto behind a proxy that spoils chosen requests."""

from __future__ import annotations

import http.client
import logging
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

ANSWERS = {
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "403": (403, "AccessDenied"),
}
REFUSED = "200"  # with an error in it, as S3 may answer to what it has begun to do
SPOILT = (*ANSWERS, "reset", "lost answer", "cut body")
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = "us-east-1"

Plan = Callable[[int, str, str], str | None]  # (number, method, path) of a request -> a fault


class HostileStore:
    """A bucket at two addresses: `clean` serves it, `hostile` does what `plan` says.

    A context manager. `requests` are those that have come to `hostile` since `begin`.
    """

    bucket = "bucket"

    def __enter__(self) -> HostileStore:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
        self.moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.moto.start()
        self.host, self.port = self.moto.get_host_and_port()
        self.plan: Plan = lambda *_: None
        self.requests: list[str] = []
        store = self

        class Handler(_Proxy):
            def spoilt(self) -> str | None:
                with store.lock:
                    number = len(store.requests)
                    store.requests.append(f"{self.command} {self.path}")
                return store.plan(number, self.command, self.path)

            def upstream(self) -> http.client.HTTPConnection:
                return http.client.HTTPConnection(store.host, store.port, timeout=60)

        self.lock = threading.Lock()
        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.proxy.daemon_threads = True
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        self.client = boto3.client(
            "s3", endpoint_url=self.clean["AWS_ENDPOINT_URL"], region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test", config=Config(proxies={}),
        )  # fmt: skip
        self.client.create_bucket(Bucket=self.bucket)
        return self

    def __exit__(self, *_: object) -> None:
        self.proxy.shutdown()
        self.proxy.server_close()
        self.moto.stop()

    def begin(self, plan: Plan) -> None:
        self.requests, self.plan = [], plan

    @property
    def clean(self) -> dict[str, str]:
        return self._environment(self.port)

    @property
    def hostile(self) -> dict[str, str]:
        return self._environment(self.proxy.server_address[1])

    def _environment(self, port: int) -> dict[str, str]:
        return {
            **KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip

    def keys(self, prefix: str) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", ()) if each["Key"][-1] != "/"]


class _Proxy(BaseHTTPRequestHandler, ABC):
    """Passes requests on as they are, but for those that are spoilt."""

    protocol_version = "HTTP/1.1"

    @abstractmethod
    def spoilt(self) -> str | None:
        """What is to go wrong with this request; None if nothing is."""

    @abstractmethod
    def upstream(self) -> http.client.HTTPConnection:
        """A connection to the server that the request is passed on to."""

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self._body()
        fault = self.spoilt()
        if fault == "reset":
            self._reset()
            return
        if fault in ANSWERS or fault == REFUSED:
            status, code = ANSWERS.get(fault, (200, "InternalError"))
            text = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode()
            self._answer(status, [("Content-Type", "application/xml")], text, len(text))
            return
        upstream = self.upstream()
        left_out = ("connection", "transfer-encoding", "expect", "content-length")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in left_out}
        upstream.request(self.command, self.path, body or None,
                         {**headers, "Content-Length": str(len(body))})  # fmt: skip
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        if fault == "lost answer":
            self._reset()
            return
        length = int(response.headers.get("Content-Length") or len(content))
        passed = [(k, v) for k, v in response.getheaders() if k.lower() not in left_out]
        if fault == "cut body" and content:
            self._answer(response.status, passed, content[: len(content) // 2], length)
            self._reset()
            return
        self._answer(response.status, passed, content, length)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - the library's names

    def _body(self) -> bytes:
        if "100-continue" in (self.headers.get("Expect") or "").lower():
            self.send_response_only(100)
            self.end_headers()
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, length: int
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        """End the connection as a network that fails does: RST, no good-bye."""
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

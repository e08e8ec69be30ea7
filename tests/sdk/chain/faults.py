"""A node that fails on request: a proxy before a real one, whose faults are queued by method.

Faults, as in table 1.4 of what web3.py meets: ``429`` ``503`` ``timeout`` ``drop_before`` ``drop_after`` ``truncate``
``html`` ``wrong_id`` ``null`` ``dup`` ``limit``; and ``mutate:<function>`` is set by ``mutator``.
"""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from typing import Any

FAULTS = (
    "429", "503", "timeout", "drop_before", "drop_after", "truncate", "html", "wrong_id", "null", "dup", "limit",
)  # fmt: skip


class FaultProxy:
    """Runs in a thread; ``queue`` holds what the next requests of a method meet, then all goes well."""

    def __init__(self, upstream: str, *, hang: float = 1.0) -> None:
        self.upstream, self.hang = upstream, hang
        self.queue: dict[str, list[str]] = defaultdict(list)
        self.seen: list[tuple[str, str]] = []
        self.mutator: Callable[[bytes], bytes] | None = None
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        with self._lock:
            self.queue.clear()
            self.seen.clear()

    def next_fault(self, methods: list[str]) -> str:
        """Take the next fault of any method in a request; a batch is asked for by each of its methods."""
        with self._lock:
            fault = next((self.queue[m].pop(0) for m in methods if self.queue[m]), "ok")
            self.seen += [(m, fault) for m in methods]
        return fault

    def forward(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.upstream, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FaultProxy

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = json.loads(body)
        methods = [item["method"] for item in asked] if isinstance(asked, list) else [asked["method"]]
        fault = self.owner.next_fault(methods)
        early = {
            "429": lambda: self.answer(429, b'{"jsonrpc":"2.0","id":1,"error":{}}', retry="0.2"),
            "503": lambda: self.answer(503, b"unavailable"),
            "timeout": lambda: time.sleep(self.owner.hang) or self.drop(),
            "drop_before": self.drop,
            "html": lambda: self.answer(200, b"<html>maintenance</html>"),
            "null": lambda: self.answer(200, _each(asked, lambda i: {"result": None})),
            "limit": lambda: self.answer(200, _each(asked, lambda i: {"error": {"code": -32005, "message": "limit"}})),
        }.get(fault)
        if early:
            early()
            return None
        received = self.owner.forward(body)
        if fault == "dup":
            received = self.owner.forward(body)
        if fault == "drop_after":
            return self.drop()
        if fault == "truncate":
            received = received[: len(received) // 2]
        if fault == "wrong_id":
            received = _wrong_ids(received)
        if self.owner.mutator:
            received = self.owner.mutator(received)
        return self.answer(200, received)

    def answer(self, status: int, body: bytes, *, retry: str = "") -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if retry:
            self.send_header("retry-after", retry)
        self.end_headers()
        self.wfile.write(body)

    def drop(self) -> None:
        self.close_connection = True
        self.connection.close()


def _each(asked: Any, make: Callable[[Any], dict[str, Any]]) -> bytes:
    """Answer every question of a request the same way."""
    one = lambda item: {"jsonrpc": "2.0", "id": item["id"], **make(item)}  # noqa: E731
    return json.dumps([one(item) for item in asked] if isinstance(asked, list) else one(asked)).encode()


def _wrong_ids(received: bytes) -> bytes:
    parsed = json.loads(received)
    for item in parsed if isinstance(parsed, list) else [parsed]:
        item["id"] += 999_999
    return json.dumps(parsed).encode()

"""Bytes to a node and back, over HTTP(S) or a Unix socket, within a deadline and a size."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urlsplit

import orjson
import urllib3

from careledger.errors import InputError, NodeMisbehaved, NodeUnavailable, after

__all__ = ["Budget", "HttpTransport", "IpcTransport", "Overloaded", "Transport", "shown_url", "transport_for"]

_CHUNK = 256 * 1024


class Overloaded(NodeUnavailable):
    """The node answers, but not now: status 429 or 5xx, perhaps with the seconds to wait."""

    def __init__(self, node: str, status: int, retry_after: float | None) -> None:
        super().__init__(
            f"node {node} is overloaded (HTTP {status})",
            why="It asks for fewer requests, or is being restarted.",
            fix="Wait, or use another node.",
            retry=after(retry_after if retry_after is not None else 5),
        )
        self.retry_after = retry_after


class Budget:
    """The seconds a call has left.

    Args:
        total: For the whole call.
        step: For the next bytes of one attempt.
    """

    def __init__(self, total: float, step: float) -> None:
        self._end = time.monotonic() + total
        self._step = step
        self.total = total

    def left(self) -> float:
        """Return the seconds left of the call; negative when it is over."""
        return self._end - time.monotonic()

    def next_step(self, node: str) -> float:
        """Return how long the next wait may take.

        Raises:
            NodeUnavailable: Nothing is left.
        """
        left = self.left()
        if left <= 0:
            raise silent(node, self.total)
        return min(left, self._step)


class Transport(Protocol):
    """One node, as a place to post bytes to."""

    def post(self, body: bytes, budget: Budget) -> bytes:
        """Send a request and return the body of the answer."""

    def close(self) -> None:
        """Give back connections."""


def shown_url(url: str) -> str:
    """Return a node's address without path, query and credentials, which are where access keys live."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        return f"{parts.scheme}://{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"
    return "ipc"


def transport_for(
    url: str, *, headers: Mapping[str, str] | None, allow_plain_http: bool, max_response: int
) -> Transport:
    """Choose the transport for an address.

    Raises:
        InputError: No such transport, or plain HTTP to another machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InputError(
            "this is not the address of a node", fix="Give an https URL or the path of a socket."
        ) from None
    if parts.scheme == "ipc" or url.startswith("/") or url.endswith(".ipc"):
        return IpcTransport(url.removeprefix("ipc://").removeprefix("ipc:"), max_response=max_response)
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(
            f"nodes are not reached by {parts.scheme[:10] or 'this kind of address'}",
            why="HTTP(S) and IPC sockets are spoken.",
            fix="Give an https URL or the path of a socket.",
        )
    if parts.scheme == "http" and not allow_plain_http and not _is_loopback(host):
        raise InputError(
            f"plain http to {host} is refused",
            why="Anybody on the way could read what is asked and change the answers.",
            fix="Use https, or allow it with allow_plain_http.",
        )
    return HttpTransport(url, headers=headers, max_response=max_response)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def silent(node: str, seconds: float) -> NodeUnavailable:
    """Return the error for a node that did not answer in time."""
    return NodeUnavailable(
        f"node {node} did not answer within {seconds:g} s",
        why="It is down, unreachable or overloaded.",
        fix="Try again, or use another node.",
    )


class HttpTransport:
    """A node reached by HTTP(S), connections kept and shared by threads."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None, max_response: int) -> None:
        parts = urlsplit(url)
        self._url, self._node, self._max = url, shown_url(url), max_response
        self._headers = {"content-type": "application/json", "accept": "application/json", **(headers or {})}
        if parts.username:
            userinfo = parts.netloc.rpartition("@")[0]
            self._headers.update(urllib3.make_headers(basic_auth=userinfo))
            self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._pool = _pool(parts.scheme, parts.hostname or "")

    def post(self, body: bytes, budget: Budget) -> bytes:
        """Send a request and read the whole answer.

        Raises:
            NodeUnavailable: No connection, no answer in time, or a status that says so.
            NodeMisbehaved: Another status, or more bytes than allowed.
        """
        step = budget.next_step(self._node)
        try:
            answer = self._pool.request(
                "POST", self._url, body=body, headers=self._headers, preload_content=False, redirect=False,
                retries=False, timeout=urllib3.Timeout(connect=step, read=step),
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._lost(error, budget) from None
        try:
            return self._read(answer, budget)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            answer.close()
            raise self._lost(error, budget) from None
        except BaseException:
            answer.close()
            raise
        finally:
            answer.release_conn()

    def _read(self, answer: urllib3.BaseHTTPResponse, budget: Budget) -> bytes:
        """Read by pieces, so that neither a slow nor an endless answer outlives its bounds."""
        pieces, size = [], 0
        while piece := answer.read1(_CHUNK):
            size += len(piece)
            if size > self._max:
                raise NodeMisbehaved(f"node {self._node} answered more than {self._max} bytes", fix="Ask for less.")
            budget.next_step(self._node)
            pieces.append(piece)
        if answer.status == 429 or answer.status >= 500:
            raise Overloaded(self._node, answer.status, _retry_after(answer.headers.get("retry-after")))
        if answer.status != 200:
            raise NodeMisbehaved(
                f"node {self._node} answered with HTTP {answer.status}",
                why="The address, the access key or a proxy on the way is not right; redirects are not followed.",
                fix="Check the address of the node.",
            )
        return b"".join(pieces)

    def _lost(self, error: Exception, budget: Budget) -> NodeUnavailable:
        """Turn a failure of the connection into ours, without the URL that the original text carries."""
        if isinstance(error, urllib3.exceptions.NewConnectionError):  # urllib3 counts it among the time-outs
            return NodeUnavailable(
                f"node {self._node} cannot be reached",
                why="Nothing listens there, or its name leads nowhere.",
                fix="Check the address, and whether the node is running.",
            )
        if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)) or budget.left() <= 0:
            return silent(self._node, budget.total)
        return NodeUnavailable(
            f"the connection to node {self._node} failed ({type(error).__name__})",
            why="It is down, unreachable, or closed the connection.",
            fix="Try again, or use another node.",
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


def _pool(scheme: str, host: str) -> urllib3.PoolManager:
    """Make a pool, through the proxy that the environment names, if any."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    context = ssl.create_default_context() if scheme == "https" else None
    if proxy and proxy.startswith("http") and not _is_loopback(host) and not urllib.request.proxy_bypass(host):
        return urllib3.ProxyManager(proxy, maxsize=32, block=False, ssl_context=context)
    return urllib3.PoolManager(maxsize=32, block=False, ssl_context=context)


def _retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value[:9])
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None


class IpcTransport:
    """A node reached by a Unix socket, one request at a time."""

    def __init__(self, path: str, *, max_response: int) -> None:
        self._path, self._max = os.path.expanduser(path), max_response  # noqa: PTH111 - the socket API takes text
        self._socket: socket.socket | None = None
        self._owner = os.getpid()
        self._lock = threading.Lock()

    def post(self, body: bytes, budget: Budget) -> bytes:
        """Send a request and read until the answer is whole JSON: the socket has no other frame.

        Raises:
            NodeUnavailable: No connection, or no whole answer in time.
            NodeMisbehaved: More bytes than allowed.
        """
        with self._lock:
            try:
                return self._exchange(body, budget)
            except OSError as error:
                self._drop()
                if isinstance(error, TimeoutError):
                    raise silent("ipc", budget.total) from None
                raise NodeUnavailable(
                    f"the socket of the node failed ({type(error).__name__})", fix="Check that the node runs."
                ) from None
            except BaseException:
                self._drop()
                raise

    def _exchange(self, body: bytes, budget: Budget) -> bytes:
        connection = self._connect(budget)
        connection.sendall(body + b"\n")
        received = bytearray()
        while True:
            connection.settimeout(budget.next_step("ipc"))
            piece = connection.recv(_CHUNK)
            if not piece:
                raise ConnectionResetError
            received += piece
            if len(received) > self._max:
                raise NodeMisbehaved(f"the node answered more than {self._max} bytes", fix="Ask for less.")
            if piece.rstrip()[-1:] in (b"}", b"]") and _is_whole(received):
                return bytes(received)

    def _connect(self, budget: Budget) -> socket.socket:
        if self._socket is None or self._owner != os.getpid():  # a forked child may not share its parent's socket
            self._socket, self._owner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), os.getpid()
            self._socket.settimeout(budget.next_step("ipc"))
            self._socket.connect(self._path)
        self._socket.settimeout(budget.next_step("ipc"))
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the socket."""
        with self._lock:
            self._drop()


def _is_whole(received: bytearray) -> bool:
    try:
        orjson.loads(received)
    except orjson.JSONDecodeError:
        return False
    return True

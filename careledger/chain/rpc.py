"""JSON-RPC to a node: one deadline for the whole call, every answer checked, reads tried again, sends never.

A node's own refusal (an ``error`` object) is ``NodeRefused``; silence is ``NodeUnavailable``; nonsense is
``NodeMisbehaved``. Addresses of nodes are shown without path, query and credentials, where access keys live.
"""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import orjson

from careledger.chain import schema
from careledger.chain.transport import Budget, Overloaded, Transport, shown_url, transport_for
from careledger.errors import InputError, NodeError, NodeMisbehaved

__all__ = ["NodeRefused", "Rpc", "RpcLike"]

log = logging.getLogger("careledger")

# Hosts that serve everybody: what is asked there can be joined by a stranger. Own nodes are not among them.
_PUBLIC_HOSTS = (
    "1rpc.io", "alchemy.com", "alchemyapi.io", "ankr.com", "arbitrum.io", "base.org", "blastapi.io", "blockpi.network",
    "chainstack.com", "cloudflare-eth.com", "drpc.org", "flashbots.net", "infura.io", "linea.build", "llamarpc.com",
    "merkle.io", "mevblocker.io", "nodies.app", "onfinality.io", "optimism.io", "pocket.network", "polygon-rpc.com",
    "polygon.technology", "publicnode.com", "quicknode.pro", "quiknode.pro", "tenderly.co", "thirdweb.com",
)  # fmt: skip
_BACKOFF = 0.1  # seconds before the second attempt; doubles, with full jitter
_BACKOFF_CAP = 2.0
_RETRY_AFTER_CAP = 10.0  # a node that asks for more is treated as away


class NodeRefused(NodeError):
    """The node understood and said no: an ``error`` object of JSON-RPC.

    ``code``, ``data`` and ``method`` are as the node gave them.
    """

    def __init__(self, method: str, error: Mapping[str, Any]) -> None:
        text = "".join(c if c.isprintable() else " " for c in str(error.get("message", ""))[:300])
        super().__init__(f"the node refused {method}: {text}", why=f"JSON-RPC error {error.get('code')}.")
        self.method = method
        self.code = error.get("code")
        self.error = dict(error)
        self.node_message = str(error.get("message", ""))


class RpcLike(Protocol):
    """What the SDK asks of a connection to a node; ``Rpc`` and ``TesterRpc`` both are one."""

    @property
    def name(self) -> str:
        """The node, as it may be shown."""

    def request(self, method: str, params: Sequence[Any] = (), *, deadline: float | None = None) -> Any:
        """Ask one question."""

    def batch(
        self, calls: Sequence[tuple[str, Sequence[Any]]], *, deadline: float | None = None
    ) -> list[Any | NodeRefused]:
        """Ask several at once."""

    def before_patient_read(self) -> None:
        """Say that the next read is about a patient."""

    def close(self) -> None:
        """Give back connections."""


class Rpc:
    """A node, or several that stand in for each other.

    Args:
        url: ``https://…``, ``http://…`` on this machine, or the path of an IPC socket; a list is tried in order.
        timeout: Seconds to wait for the next bytes of one attempt.
        deadline: Seconds for a whole call, attempts and pauses included.
        headers: Sent with every request, such as an authorisation; never shown.
        allow_plain_http: Allow ``http`` to another machine, where anybody between can read and change what is said.
        public_rpc: What to do when something about a patient is read from a node that serves everybody.
        max_response: The largest answer accepted, in bytes.
        attempts: The most attempts for a read.

    Raises:
        InputError: An address that cannot be used.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        timeout: float = 10.0,
        deadline: float = 30.0,
        headers: Mapping[str, str] | None = None,
        allow_plain_http: bool = False,
        public_rpc: Literal["allow", "warn", "refuse"] = "warn",
        max_response: int = 256 * 1024 * 1024,
        attempts: int = 6,
    ) -> None:
        urls = [url] if isinstance(url, str) else list(url)
        if not urls:
            raise InputError("no address of a node was given", fix="Give the URL of a node.")
        self._transports: list[Transport] = [
            transport_for(item, headers=headers, allow_plain_http=allow_plain_http, max_response=max_response)
            for item in urls
        ]
        self._urls = urls
        self._timeout, self._deadline, self._attempts = timeout, deadline, attempts
        self._public_rpc = public_rpc
        self._warned = False
        self._current = 0
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Rpc({self.name!r})"

    @property
    def name(self) -> str:
        """The node in use, without anything that could be an access key."""
        return shown_url(self._urls[self._current])

    @property
    def is_public(self) -> bool:
        """Whether any of the nodes is one that serves everybody."""
        hosts = (shown_url(url).rpartition("/")[2].rpartition(":")[0] or shown_url(url) for url in self._urls)
        return any(host == public or host.endswith("." + public) for host in hosts for public in _PUBLIC_HOSTS)

    def before_patient_read(self) -> None:
        """Say that the next read is about a patient: a public node is warned of once, or refused.

        Raises:
            InputError: The settings refuse such reads on public nodes.
        """
        if self._public_rpc == "allow" or not self.is_public:
            return
        if self._public_rpc == "refuse":
            raise InputError(
                f"reading about a patient from {self.name} is refused by the settings",
                why="A public node sees who asks about which pseudonym, and when.",
                fix="Use a node of your own, or allow it with public_rpc.",
            )
        with self._lock:
            warn, self._warned = not self._warned, True
        if warn:
            log.warning("reads about patients go to a public node, which sees them: %s", self.name)

    def request(self, method: str, params: Sequence[Any] = (), *, deadline: float | None = None) -> Any:
        """Ask one question.

        Args:
            method: The JSON-RPC method.
            params: Its parameters, as JSON.
            deadline: Seconds for the whole call; the connection's own when not given.

        Returns:
            The ``result``, in the shape the method promises.

        Raises:
            NodeUnavailable: No answer within the deadline.
            NodeMisbehaved: An answer that is not JSON-RPC as specified.
            NodeRefused: The node said no.
        """
        answer = self._ask([(method, params)], single=True, deadline=deadline)[0]
        if isinstance(answer, NodeRefused):
            raise answer
        return answer

    def batch(
        self, calls: Sequence[tuple[str, Sequence[Any]]], *, deadline: float | None = None
    ) -> list[Any | NodeRefused]:
        """Ask several questions in one request.

        Returns:
            One entry for each call, in order: its result, or the node's refusal of it (not raised).

        Raises:
            NodeUnavailable: No answer within the deadline.
            NodeMisbehaved: Any part of the answer is not JSON-RPC as specified.
        """
        return self._ask(list(calls), single=False, deadline=deadline) if calls else []

    def close(self) -> None:
        """Give back connections."""
        for transport in self._transports:
            transport.close()

    # ASKING

    def _ask(self, calls: list[tuple[str, Sequence[Any]]], *, single: bool, deadline: float | None) -> list[Any]:
        """Try until answered; only reads are tried more than once."""
        budget = Budget(self._deadline if deadline is None else deadline, self._timeout)
        attempts = self._attempts if all(method in schema.READS for method, _ in calls) else 1
        for attempt in itertools.count(1):
            at = self._current
            try:
                return self._once(self._transports[at], calls, single, budget)
            except NodeRefused:
                raise
            except NodeError as error:
                self._fail_over(at)
                pause = self._pause(attempt, error)
                if attempt >= attempts or pause >= budget.left():
                    raise
                log.debug("asking again: method=%s attempt=%d", calls[0][0], attempt)
                time.sleep(pause)
        raise AssertionError("unreachable")  # pragma: no cover

    def _fail_over(self, failed: int) -> None:
        """Prefer the next node, unless another thread has already moved on."""
        with self._lock:
            if self._current == failed:
                self._current = (failed + 1) % len(self._transports)

    def _pause(self, attempt: int, error: NodeError) -> float:
        """Seconds before the next attempt: none while there is another node, else what was asked or backoff."""
        if attempt < len(self._transports):
            return 0.0
        if isinstance(error, Overloaded) and error.retry_after is not None:
            return min(error.retry_after, _RETRY_AFTER_CAP) + random.uniform(0, 0.05)  # noqa: S311
        return random.uniform(0, min(_BACKOFF * 2**attempt, _BACKOFF_CAP))  # noqa: S311

    def _once(
        self, transport: Transport, calls: list[tuple[str, Sequence[Any]]], single: bool, budget: Budget
    ) -> list[Any]:
        ids = [next(self._ids) for _ in calls]
        requests = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in zip(ids, calls, strict=True)
        ]
        body = transport.post(orjson.dumps(requests[0] if single else requests), budget)
        return read_answer(body, calls, ids, single=single)


def read_answer(
    body: bytes, calls: Sequence[tuple[str, Sequence[Any]]], ids: Sequence[int], *, single: bool
) -> list[Any | NodeRefused]:
    """Read the body of an answer and check it against what was asked.

    Raises:
        NodeMisbehaved: It is not JSON, not an answer to these questions, or a result of another shape.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _misbehaved(calls[0][0], "the answer is not JSON") from None
    if single:
        return [_read_one(parsed, calls[0], ids[0])]
    if not isinstance(parsed, list):
        if isinstance(parsed, dict) and isinstance(parsed.get("error"), dict):  # the whole batch was refused
            return [NodeRefused(method, parsed["error"]) for method, _ in calls]
        raise _misbehaved(calls[0][0], "the answer to a batch is not a list")
    by_id = {item["id"]: item for item in parsed if isinstance(item, dict) and type(item.get("id")) is int}
    if len(by_id) != len(calls) or len(parsed) != len(calls):
        raise _misbehaved(calls[0][0], "answers are missing from a batch, or doubled")
    return [_read_one(by_id.get(number), call, number) for call, number in zip(calls, ids, strict=True)]


def _read_one(item: Any, call: tuple[str, Sequence[Any]], number: int) -> Any | NodeRefused:
    method, params = call
    if not isinstance(item, dict) or item.get("jsonrpc") != "2.0":
        raise _misbehaved(method, "the answer is not JSON-RPC 2.0")
    error = item.get("error")
    if type(item.get("id")) is not int or item["id"] != number:
        raise _misbehaved(method, "the answer carries another id")
    if error is not None:
        if not isinstance(error, dict) or ("result" in item and item["result"] is not None):
            raise _misbehaved(method, "the answer is both a result and an error, or neither")
        return NodeRefused(method, error)
    if "result" not in item:
        raise _misbehaved(method, "the answer has neither result nor error")
    try:
        schema.check(method, params, item["result"])
    except schema.Misfit as misfit:
        raise _misbehaved(method, str(misfit)) from None
    return item["result"]


def _misbehaved(method: str, why: str) -> NodeMisbehaved:
    return NodeMisbehaved(
        f"the node's answer to {method} cannot be used: {why}",
        why="Something other than a node answered, or a part was lost on the way.",
        fix="Try again; if it stays so, use another node.",
    )

"""The bridge to web3.py: a provider whose requests pass through our checked connection. Loaded when asked for."""

from __future__ import annotations

from typing import Any

from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from careledger.chain.rpc import NodeRefused, RpcLike

__all__ = ["make_web3"]


class _Provider(JSONBaseProvider):
    """Passes web3's requests to the connection of the SDK."""

    def __init__(self, rpc: RpcLike) -> None:
        super().__init__()
        self._rpc = rpc

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask once; a node's refusal goes back to web3 as an error object."""
        try:
            return {"jsonrpc": "2.0", "id": 1, "result": self._rpc.request(method, list(params))}
        except NodeRefused as refusal:
            error: Any = {**refusal.error, "message": refusal.node_message}
            return {"jsonrpc": "2.0", "id": 1, "error": error}

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the node answers."""
        return bool(self._rpc.request("web3_clientVersion"))


def make_web3(rpc: RpcLike) -> Web3:
    """Return a web3.py instance over a connection."""
    return Web3(_Provider(rpc))

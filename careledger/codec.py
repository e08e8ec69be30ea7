"""The ABI codec of this package: eth_abi's own, whatever another library made of that for the whole process.

ape has numbers that are not there read as zero: an address without a contract would answer every question with 0.
"""

from __future__ import annotations

from typing import Final

from eth_abi.codec import ABICodec
from eth_abi.decoding import UnsignedIntegerDecoder
from eth_abi.encoding import UnsignedIntegerEncoder
from eth_abi.registry import ABIRegistry, BaseEquals, registry

__all__ = ["CODEC"]


def _own_registry() -> ABIRegistry:
    found: ABIRegistry = registry.copy()  # type: ignore[no-untyped-call]
    found.unregister("uint")
    found.register(BaseEquals("uint"), UnsignedIntegerEncoder, UnsignedIntegerDecoder, label="uint")  # type: ignore[no-untyped-call]
    return found


CODEC: Final = ABICodec(_own_registry())
"""Encodes and decodes; what is too short is refused."""

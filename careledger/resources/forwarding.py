"""Acts of accounts without ether: signed as forward requests (ERC-2771), carried and paid for by anybody.

For what has no signed door of its own: recovery guardians, the epoch, a new controller, the end of a guardianship, acts
for somebody else. Whoever can sign terms signs terms instead: a wallet shows those in words, of a request only bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from careledger.chain.deploy import FORWARDER_NAME
from careledger.chain.typed import Domain, TypedData
from careledger.errors import InputError
from careledger.resources.base import Resource, SignedTerms, Terms, address_of
from careledger.values import PartyRef, Prepared, Receipt, Wait, from_hex, to_hex

__all__ = ["ForwardRequest", "Forwarding"]

REQUEST_DAYS = 7
"""How long a request may be carried to the chain."""
GAS_STEP = 100_000
"""Gas is asked for in steps, so that an estimate of one account's storage is not told to everybody."""

_REQUEST = (
    ("from", "address"), ("to", "address"), ("value", "uint256"), ("gas", "uint256"), ("nonce", "uint256"),
    ("deadline", "uint48"), ("data", "bytes"),
)  # fmt: skip


@dataclass(frozen=True)
class ForwardRequest(Terms):
    """What an account asks to be carried: one call, once, by its number."""

    @property
    def message(self) -> dict[str, Any]:
        """The request by name; gas in units, deadline in seconds."""
        return dict(self.typed.message)


class Forwarding(Resource):
    """Carrying the calls of others. Each account's requests are numbered and carried in order, one after the other."""

    contract = "ERC2771Forwarder"

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain that OpenZeppelin's forwarder states."""
        return Domain(FORWARDER_NAME, "1", self._care.connection.chain_id, self.address)

    def draft(self, call: Prepared, *, by: PartyRef) -> ForwardRequest:
        """Draft the request to carry a call that was only prepared (``dry_run=True``).

        Args:
            call: The call, prepared by a client of the account that acts; it needs no ether for that.
            by: The account that acts and will sign: a subject's controller.

        Raises:
            InputError: The call sends ether, or goes to no contract of this suite.
        """
        to, data = str(call.transaction["to"] or ""), from_hex(call.calldata)
        ours = {item.address.lower() for item in self._care.suite.listings}
        if call.transaction.get("value") or to.lower() not in ours:
            raise InputError(
                "only a call to a contract of this suite is carried, without ether",
                why="A forward request is bytes to whoever signs it, so this one is kept to what the suite does.",
                fix="Prepare the act with dry_run=True and give what it returned.",
            )
        who = address_of(by)
        message = {
            "from": who, "to": to, "value": 0, "gas": -(-call.gas // GAS_STEP) * GAS_STEP,
            "nonce": int(self._read("nonces", who)), "deadline": self.deadline(REQUEST_DAYS), "data": data,
        }  # fmt: skip
        return ForwardRequest(TypedData(self.domain, {"ForwardRequest": _REQUEST}, "ForwardRequest", message))

    def carry(
        self, signed: SignedTerms[ForwardRequest], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Carry a signed request to the chain and pay for it.

        Args:
            signed: The request with the signature of the account it is from.
            key: The act's business key; the account and the request's number when not given.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ContractError: The contract refuses the call, by the name of its reason; or the request was carried before,
                is too late or not signed by its account (``ERC2771ForwarderInvalidSigner``, ``…ExpiredRequest``).
        """
        m = signed.terms.message
        request = {name: m[name] for name in ("from", "to", "value", "gas", "deadline", "data")}
        request["signature"] = signed.signature
        if int(self._read("nonces", m["from"])) == m["nonce"]:
            # The forwarder hides why a call failed, so the call is asked first as the forwarder would make it.
            self._care.connection.call(
                m["to"], m["data"] + from_hex(m["from"]), sender=self.address, about_patient=True
            )
        return self._write(
            "execute", request, value=lambda _: None, key=key or f"forward/{m['from']}/{m['nonce']}", wait=wait,
            dry_run=dry_run, entry=False, content=[m["from"], m["to"], str(m["nonce"]), to_hex(m["data"])],
            not_after=m["deadline"],
        )  # fmt: skip

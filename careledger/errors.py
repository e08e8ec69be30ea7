"""Every way the SDK says no. Split by what the caller would do next, not by where it happened.

CareLedgerError
├── InputError            mend the input and call again
│   ├── FormatError       a file or document is not what it says it is
│   ├── Misuse            an unknown name, option or setting; exit code 2
│   ├── KeyReused         the same business key was used for other content
│   └── NotFound          no such id, name, profile, file
│       └── NotPaired     the directory knows no account for an identifier; exit code 3
├── KeyMaterialError      a key, keystore, mnemonic or password does not serve
├── SealError             a sealed file cannot be opened
│   ├── SealedDamaged     cut, changed or not ours
│   └── NotARecipient     no wrap for this key
├── ReceiptRefused        a custodian's answer without a receipt that holds
├── StorageError          the store does not answer, or answers other bytes
├── NodeError             the node: try again, or another node
│   ├── NodeUnavailable   no answer within the deadline
│   └── NodeMisbehaved    an answer that is not JSON-RPC as specified
├── SuiteError            the contracts are not the ones expected
│   ├── WrongChain        the node is on another chain
│   └── SuiteModified     code differs from the release it names
├── TransactionError      a transaction did not do what was asked
│   ├── Replaced          another transaction took its nonce
│   ├── Pending           not included yet: ask again
│   └── InsufficientFunds the sender cannot pay the gas
├── AccessDenied          the answer is no: ``decision`` says why
└── ContractError         a contract refused; one class per on-chain error,
                          made from the ABIs and named as on chain
                          (``errors.ConsentRegistry_NotAuthorised``)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class Retry:
    """What would make a second attempt succeed."""

    kind: Literal["never", "after", "mend_input", "ask"]
    """``never``, ``after`` some seconds, after ``mend_input``, or after one ``ask``s a party."""
    seconds: float | None = None
    """For ``after``: how long to wait."""
    party: str | None = None
    """For ``ask``: whom."""

    def __str__(self) -> str:
        if self.kind == "after":
            return f"after {self.seconds:g} s"
        if self.kind == "ask":
            return f"ask {self.party}"
        return self.kind.replace("_", " ")


NEVER = Retry("never")
MEND_INPUT = Retry("mend_input")


def after(seconds: float) -> Retry:
    """Retry once this many seconds have passed."""
    return Retry("after", seconds=seconds)


def ask(party: str) -> Retry:
    """Retry once this party has acted."""
    return Retry("ask", party=party)


class CareLedgerError(Exception):
    """Root of everything the SDK raises on purpose.

    Args:
        message: What happened, with values, in one sentence.
        why: Why that is so, in one sentence.
        fix: What to do now, in one sentence.
        retry: What would make a second attempt succeed.
    """

    exit_code: ClassVar[int] = 1
    """What the command line ends with: 1 failed, 2 misuse, 3 the answer is no, 4 try again."""
    default_retry: ClassVar[Retry] = NEVER

    def __init__(self, message: str, *, why: str = "", fix: str = "", retry: Retry | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.fix = fix
        self.retry = retry or self.default_retry


class InputError(CareLedgerError):
    """The input is wrong; the same call with better input may succeed."""

    default_retry = MEND_INPUT


class FormatError(InputError):
    """A file or document is not what it says it is."""


class Misuse(InputError):
    """An unknown name, option or setting: nothing was tried."""

    exit_code = 2


class KeyReused(InputError):
    """The same business key was used before, for other content."""


class NotFound(InputError):
    """No such id, name, profile or file."""


class NotPaired(NotFound):
    """The directory knows no account for an identifier. Its value is never in the message."""

    exit_code = 3
    default_retry = ask("the person, at the desk")


class KeyMaterialError(CareLedgerError):
    """A key, keystore, mnemonic or password does not serve."""

    default_retry = MEND_INPUT


class SealError(CareLedgerError):
    """A sealed file cannot be opened."""


class SealedDamaged(SealError):
    """The sealed file was cut or changed, or is not a sealed file."""


class NotARecipient(SealError):
    """The sealed file holds no wrap for this key."""

    default_retry = ask("the author or custodian")


class ReceiptRefused(CareLedgerError):
    """A custodian's answer without a receipt that holds: nothing of it was kept or opened."""

    default_retry = ask("the custodian")


class StorageError(CareLedgerError):
    """The store does not answer, or answers other bytes than were put in."""

    default_retry = after(5)


class NodeError(CareLedgerError):
    """The node failed; nothing is known to be wrong with the request."""

    exit_code = 4
    default_retry = after(5)


class NodeUnavailable(NodeError):
    """No answer within the deadline."""


class NodeMisbehaved(NodeError):
    """An answer that is not JSON-RPC as specified, or contradicts itself."""


class SuiteError(CareLedgerError):
    """The contracts at the given address are not the ones expected."""


class WrongChain(SuiteError):
    """The node is on another chain than the suite or the settings name."""


class SuiteModified(SuiteError):
    """The code on chain differs from the release it names."""


class TransactionError(CareLedgerError):
    """A transaction did not do what was asked."""


class Replaced(TransactionError):
    """Another transaction took this one's nonce."""


class Pending(TransactionError):
    """Sent, not included yet."""

    exit_code = 4
    default_retry = after(15)


class InsufficientFunds(TransactionError):
    """The sender cannot pay the gas."""

    default_retry = ask("whoever funds this account")


class AccessDenied(CareLedgerError):
    """The answer is no; ``decision`` holds reason, basis, and what of the request is granted."""

    exit_code = 3
    default_retry = ask("the patient")

    def __init__(self, message: str, *, why: str = "", fix: str = "", decision: Any = None) -> None:
        super().__init__(message, why=why, fix=fix)
        self.decision = decision


class ContractError(CareLedgerError):
    """A contract refused. Subclasses carry the on-chain error's name and arguments.

    ``why`` is the error's ``@notice`` and ``fix`` its ``@custom:fix``, both from the artifact.
    """

    default_retry = MEND_INPUT

    def __init__(
        self,
        message: str,
        *,
        args: dict[str, Any] | None = None,
        why: str = "",
        fix: str = "",
        retry: Retry | None = None,
    ) -> None:
        super().__init__(message, why=why, fix=fix, retry=retry)
        self.values: dict[str, Any] = args or {}

    def __str__(self) -> str:
        """Return message, reason and remedy in one line, since the message is only the error as on chain."""
        rest = (f"{part.rstrip('.')}." for part in (self.why, self.fix) if part)
        return " ".join((f"{self.message}:" if self.why or self.fix else self.message, *rest))


def __getattr__(name: str) -> type[ContractError]:
    """Find the class of an on-chain error by its name, ``Contract_Reason``."""
    if "_" in name and not name.startswith("_"):
        from careledger.chain.reverts import error_class

        found = error_class(name)
        if found is not None:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

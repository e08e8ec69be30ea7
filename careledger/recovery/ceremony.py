"""The ceremony: one request to each guardian, then every account given back by itself, as if it were the only one.

start → each guardian signs once → ``add`` → relayers carry the parcels → wait → ``executions`` → ``remaining``.
What has happened is asked of the chain each time, so that a ceremony can be taken up anywhere after a kill; what has
been signed and packed lies sealed in the owner's folder.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careledger.errors import InputError, NotFound
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.files import read_private, write_private
from careledger.privacy.openers import Recipient
from careledger.privacy.pseudonyms import KnownAccount, Scope, Wallet
from careledger.recovery.kits import Sheet, Ward
from careledger.recovery.papers import broken, read
from careledger.recovery.parcels import SPREAD_HOURS, Parcel, due
from careledger.recovery.sitting import Approval, Approvals, Request, Wanted, signed_terms
from careledger.recovery.standing import Standing, standing_of
from careledger.resources.guardian_sets import commitment_of
from careledger.steps import step
from careledger.values import Address, PartyRef

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["Ceremony", "Recovering"]

KIND: Final = "ceremony"
FORMAT: Final = "careledger-ceremony-fields-v1"
OFFER_DAYS: Final = 7


@dataclass(frozen=True)
class Recovering:
    """One account of a ceremony."""

    subject: Address = field(repr=False)
    controller: Address = field(repr=False)
    """The new wallet's key for it."""
    recoveries: int
    """The account's count of recoveries when the ceremony began."""
    terms: dict[str, Any] = field(repr=False)
    """The guardians' terms in force when the ceremony began."""
    approvals: tuple[Approval, ...] = field(repr=False, default=())
    """Signed so far, by index."""
    packed: tuple[Parcel, ...] = field(repr=False, default=())
    """One for each approval, in the same order."""
    execution: Parcel | None = field(repr=False, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return every field: keep it sealed."""
        return {
            "subject": self.subject, "controller": self.controller, "recoveries": self.recoveries,
            "terms": self.terms, "approvals": [item.to_json() for item in self.approvals],
            "packed": [item.to_json() for item in self.packed],
            "execution": self.execution.to_json() if self.execution else None,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recovering:
        """Read what ``to_json`` gave."""
        return cls(
            Address(data["subject"]), Address(data["controller"]), int(data["recoveries"]), dict(data["terms"]),
            tuple(Approval.from_json(item) for item in data["approvals"]),
            tuple(Parcel.from_json(item) for item in data["packed"]),
            Parcel.from_json(data["execution"]) if data["execution"] else None,
        )  # fmt: skip


@dataclass(frozen=True)
class _State:
    """What a ceremony's file holds."""

    accounts: tuple[Recovering, ...]
    sheets: tuple[Sheet, ...]
    spread_hours: float
    ticked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def text(self) -> bytes:
        return json.dumps(
            {
                "format": FORMAT, "accounts": [item.to_json() for item in self.accounts],
                "sheets": [sheet.to_json() for sheet in self.sheets], "spreadHours": self.spread_hours,
                "ticked": self.ticked,
            }
        ).encode()  # fmt: skip

    @classmethod
    def read(cls, text: bytes) -> _State:
        data = read(text, FORMAT)
        try:
            return cls(
                tuple(Recovering.from_json(item) for item in data["accounts"]),
                tuple(Sheet.from_json(item) for item in data["sheets"]),
                float(data["spreadHours"]),
                {str(subject): tuple(names) for subject, names in data["ticked"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError, InputError):
            raise broken("ceremony") from None


def _save(path: Path, owner: Recipient, state: _State) -> None:
    write_private(path, seal_document(state.text(), KIND, recipients=[owner]).encode())
    step("ceremony.saved")


class Ceremony:
    """A recovery of several accounts, kept sealed in a folder of the new wallet.

    Args:
        path: Its file.
        wallet: The new wallet.

    Example:
        >>> ceremony = Ceremony.start(folder, wallet, care, sheets=kit.sheets())  # doctest: +SKIP
        >>> ceremony.requests(care)  # one sealed paper for each guardian  # doctest: +SKIP
    """

    def __init__(self, path: Path, wallet: Wallet) -> None:
        self.path, self.wallet = path, wallet
        self._opener = wallet.opener(Scope.book())
        text = read_private(path).decode("utf-8", "replace")
        self._state = _State.read(open_document(text, KIND, opener=self._opener))

    @classmethod
    def start(
        cls, folder: Path, wallet: Wallet, care: CareLedger, *, sheets: Sequence[Sheet],
        spread_hours: float = SPREAD_HOURS,
    ) -> Ceremony:  # fmt: skip
        """Begin a ceremony for every account that sheets name: those of a kit (``before=True``), or the guardians' own.

        Args:
            folder: Where it is kept; the file's name says nothing.
            wallet: The new wallet; each account gets a key of its own in it, ``Scope.successor(subject)``.
            care: The suite.
            sheets: Guardians' sheets; a quorum of them suffices where the kit is lost.
            spread_hours: Over how long each round of acts is spread; 0 is fastest, and joins accounts by their times.

        Raises:
            InputError: No sheet is of guardians that are in force now.
        """
        accounts, used = [], {}
        for subject, wards in _by_subject(sheets).items():
            party = PartyRef("person", subject)
            in_force = care.participants.guardians_of(party).in_force
            fitting = [ward for ward in wards if commitment_of(ward.terms) == in_force]
            if not fitting:
                continue
            life = int(care.participants._read("accountOf", subject)["recoveries"])
            controller = Address(wallet.account(Scope.successor(subject)).address)
            accounts.append(Recovering(subject, controller, life, fitting[0].terms))
            used[subject] = in_force
        if not accounts:
            raise InputError(
                "none of these sheets is of guardians in force now",
                why="Other guardians were set since, or it is another suite.",
                fix="Use a newer kit, or sheets from the guardians themselves.",
            )
        kept = [
            replace(sheet, wards=tuple(w for w in sheet.wards if used.get(w.subject) == commitment_of(w.terms)))
            for sheet in sheets
        ]
        state = _State(tuple(accounts), tuple(sheet for sheet in kept if sheet.wards), spread_hours)
        path = folder / f"{secrets.token_hex(8)}.ceremony"
        _save(path, wallet.opener(Scope.book()).recipient(), state)
        return cls(path, wallet)

    @property
    def accounts(self) -> tuple[Recovering, ...]:
        """What is to be given back."""
        return self._state.accounts

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """The guardians who are asked, each with the accounts it can give back."""
        return self._state.sheets

    @property
    def ticked(self) -> Mapping[str, tuple[str, ...]]:
        """What was done elsewhere, by account; see :meth:`tick`."""
        return self._state.ticked

    # GUARDIANS

    def requests(self, care: CareLedger) -> tuple[Request, ...]:
        """Return what each guardian is asked, in the order of ``sheets``; seal each to its guardian's key."""
        owner, deadline = self._opener.recipient(), care.participants.deadline(OFFER_DAYS)
        mine = {item.subject: item for item in self.accounts}
        return tuple(
            Request(
                care.participants.domain, owner,
                tuple(
                    Wanted(ward, mine[ward.subject].controller, mine[ward.subject].recoveries, deadline)
                    for ward in sheet.wards
                ),
            )
            for sheet in self.sheets
        )  # fmt: skip

    def add(self, care: CareLedger, text: str) -> tuple[Parcel, ...]:
        """Take in a guardian's sealed approvals, and return the parcels that carry them; twice is once.

        Raises:
            InputError: They are for other accounts or keys, or not signed by the guardian they name.
        """
        given = Approvals.unsealed(text, self._opener).approvals
        mine = {item.subject: item for item in self.accounts}
        start, hours = care.participants.now(), self._state.spread_hours
        for approval in given:
            item = mine.get(approval.wanted.ward.subject)
            _require_fitting(care, approval, item)
            assert item is not None  # noqa: S101 - required above
            if approval.wanted.ward.index not in {known.wanted.ward.index for known in item.approvals}:
                at = due(start, hours=hours, not_after=approval.wanted.deadline)
                parcel = _approval_parcel(care, approval, at)
                item = replace(item, approvals=(*item.approvals, approval), packed=(*item.packed, parcel))
                mine[item.subject] = item
        self._change(accounts=tuple(mine.values()))
        indices = {(a.wanted.ward.subject, a.wanted.ward.index) for a in given}
        return tuple(
            parcel
            for item in self.accounts
            for approval, parcel in zip(item.approvals, item.packed, strict=True)
            if (item.subject, approval.wanted.ward.index) in indices
        )

    # CARRYING

    def parcels(self, care: CareLedger) -> tuple[Parcel, ...]:
        """Return every parcel whose act is not on the chain yet: approvals, and executions that are ready."""
        return (*self._approvals_left(care), *self.executions(care))

    def _approvals_left(self, care: CareLedger) -> Iterator[Parcel]:
        for item in self.accounts:
            try:
                state = care.participants.recovery(PartyRef("person", item.subject), to=item.controller)
                done = 0 if state.is_void(recoveries=item.recoveries, now=care.participants.now()) else state.approvals
            except NotFound:
                done = 0
            life = int(care.participants._read("accountOf", item.subject)["recoveries"])
            if life == item.recoveries:
                for approval, parcel in zip(item.approvals, item.packed, strict=True):
                    if not done >> approval.wanted.ward.index & 1:
                        yield parcel

    def executions(self, care: CareLedger) -> tuple[Parcel, ...]:
        """Return a parcel for each account whose wait is over; the same ones each time."""
        standing = {item.subject: self.standing(care, item) for item in self.accounts}
        ready = [item for item in self.accounts if standing[item.subject].state == "ready"]
        start, hours = care.participants.now(), self._state.spread_hours
        for item in ready:
            if item.execution is None:
                at = due(start, hours=hours, not_after=standing[item.subject].until)
                parcel = Parcel.call(
                    care, "ParticipantRegistry", "executeRecovery", item.subject, item.controller, item.terms,
                    not_before=at,
                )  # fmt: skip
                self._put(replace(item, execution=parcel))
        wanted = {item.subject for item in ready}
        return tuple(item.execution for item in self.accounts if item.subject in wanted and item.execution)

    # WHERE IT STANDS

    def standing(self, care: CareLedger, item: Recovering) -> Standing:
        """Return where one account of it stands now."""
        return standing_of(
            care, item.subject, item.controller, recoveries=item.recoveries, terms=item.terms,
            signed=len(item.approvals),
        )  # fmt: skip

    def status(self, care: CareLedger) -> tuple[Standing, ...]:
        """Return where every account stands now, asked of the chain."""
        return tuple(self.standing(care, item) for item in self.accounts)

    def known_accounts(self, care: CareLedger) -> tuple[KnownAccount, ...]:
        """Return the accounts that are back, for the new wallet's book."""
        return tuple(
            KnownAccount(Scope.successor(item.subject), item.subject)
            for item, standing in zip(self.accounts, self.status(care), strict=True)
            if standing.state == "done"
        )

    def tick(self, subject: str, name: str) -> None:
        """Note that something left to do for an account was done elsewhere; see ``recovery.remaining``."""
        names = tuple(dict.fromkeys((*self.ticked.get(subject, ()), name)))
        self._change(ticked={**self.ticked, subject: names})

    # INTERNAL

    def _put(self, item: Recovering) -> None:
        self._change(accounts=tuple(item if known.subject == item.subject else known for known in self.accounts))

    def _change(self, **changes: Any) -> None:
        """Replace a part of the state; on disk before this returns."""
        self._state = replace(self._state, **changes)
        _save(self.path, self._opener.recipient(), self._state)

    def __repr__(self) -> str:
        return f"<ceremony of {len(self.accounts)} accounts>"


def _by_subject(sheets: Sequence[Sheet]) -> dict[Address, list[Ward]]:
    found: dict[Address, list[Ward]] = {}
    for sheet in sheets:
        for ward in sheet.wards:
            found.setdefault(ward.subject, []).append(ward)
    return found


def _require_fitting(care: CareLedger, approval: Approval, item: Recovering | None) -> None:
    """Refuse an approval that the chain would refuse, before it is packed."""
    wanted = approval.wanted
    fits = (
        item is not None
        and (wanted.controller, wanted.recoveries) == (item.controller, item.recoveries)
        and commitment_of(wanted.ward.terms) == commitment_of(item.terms)
    )
    if not fits:
        raise InputError("an approval is not for this ceremony", fix="Have the guardian sign the newest request.")
    signed = signed_terms(care.participants.domain, approval)
    if signed.terms.typed.signer_of(approval.signature) != wanted.ward.guardian:
        raise InputError("an approval is not signed by the guardian it names", fix="Have it signed again.")


def _approval_parcel(care: CareLedger, approval: Approval, at: int) -> Parcel:
    wanted = approval.wanted
    return Parcel.call(
        care, "ParticipantRegistry", "approveRecovery", wanted.ward.subject, wanted.controller, wanted.ward.terms,
        wanted.ward.proof, wanted.deadline, approval.signature, not_before=at,
    )  # fmt: skip

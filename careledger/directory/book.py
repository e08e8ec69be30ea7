"""The rules of the map, within one transaction: which identifiers are one person, and which account that person has.

Identifiers point to a *holder*: a person, or an organisation. A holder has one account now and those it had before. Two
holders found to be one are merged, the one kept as it was inside the other, so that they can be parted again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from careledger.directory.entries import Change, Entry, EntryKind, IdentityCheck, OutsideId
from careledger.directory.sealed import Rows, opener_data
from careledger.errors import InputError, NotPaired
from careledger.privacy.encoding import from_base64url
from careledger.privacy.openers import Recipient, Suite
from careledger.redact import PersonalText
from careledger.text import shown
from careledger.values import Address, PartyRef

__all__ = ["Book", "Link", "not_paired"]

Pair = list[str]
"""System and value, as JSON keeps them."""


@dataclass(frozen=True)
class Link:
    """An account to be written down for an identifier."""

    account: Address = field(repr=False)
    recipient: Recipient | None = field(repr=False)
    checked: IdentityCheck
    label: str | None = field(repr=False)
    how: str
    """``paired`` or ``entered``."""
    again: bool
    """Whether it may take the place of another account."""


class Book:
    """The map within one transaction.

    Args:
        rows: The transaction.
        by: The account that acts; None where nothing is changed.
        now: Seconds since 1970.
    """

    def __init__(self, rows: Rows, *, by: Address | None = None, now: int = 0) -> None:
        self._rows, self._by, self._now = rows, by, now

    # ASKING

    def entry(self, id_: OutsideId) -> Entry:
        """Return what an identifier stands for.

        Raises:
            NotPaired: It stands for nothing here.
        """
        holder = self._holder(id_)
        link = _current(holder) if holder is not None else None
        if holder is None or link is None:
            raise not_paired(id_)
        return _entry(id_, holder, link)

    def entries(self) -> Iterator[Entry]:
        """Yield every identifier that stands for an account."""
        holders: dict[str, Any] = {parts[1]: content for parts, content in self._rows.about("holder")}
        for holder in holders.values():
            link = _current(holder)
            if link is not None and holder["into"] is None:
                for pair in holder["ids"]:
                    yield _entry(_id(holder, pair), holder, link)

    def ids_of(self, account: Address) -> list[OutsideId]:
        """Return the identifiers of whoever has an account, or had it before."""
        name = self._rows.get("account", account)
        holder = None if name is None else self._rows.get("holder", name)
        while holder is not None and holder["into"] is not None:
            holder = self._rows.get("holder", holder["into"])
        return [] if holder is None else [_id(holder, pair) for pair in holder["ids"]]

    def require_free(self, id_: OutsideId, *, again: bool) -> None:
        """Refuse to pair an identifier that stands for an account, unless that is meant.

        Raises:
            InputError: It does, or it does not although it is to be paired again.
        """
        holder = self._holder(id_)
        taken = holder is not None and _current(holder) is not None
        if taken and not again:
            raise InputError(
                "this identifier is paired already",
                why="Another account in its place would cut the person off from the one it has.",
                fix="If the person has a new account, as after a lost phone, pair it again on purpose (again=True).",
            )
        if again and not taken:
            raise not_paired(id_)

    # CHANGING

    def link(self, id_: OutsideId, link: Link) -> Entry:
        """Let an identifier stand for an account.

        Raises:
            InputError: It stands for another one and that is not meant to change, or the account is somebody else's.
        """
        self.require_free(id_, again=link.again)
        holder = self._holder(id_) or self._new(id_)
        owner = self._rows.get("account", link.account)
        if owner not in (None, holder["name"]):
            raise InputError(
                "this account stands for another identifier here already",
                why="Either both belong to one person, or one of the two was paired in error.",
                fix="If it is one person, merge this identifier into the other one instead of pairing it.",
            )
        before = _current(holder)
        if before is not None:
            before["until"] = self._now
        holder["label"] = link.label if link.label is not None else holder["label"]
        written = {
            "account": link.account, "since": self._now, "until": None, "checked": link.checked.name, "by": self._by,
            "recipient": None if link.recipient is None else opener_data(link.recipient),
        }  # fmt: skip
        holder["accounts"].append(written)
        self._rows.put("account", link.account, content=holder["name"])
        self._rows.put(*id_.parts, content=holder["name"])
        self._save(holder)
        former = None if before is None else before["account"]
        act = link.how if before is None else f"{link.how} again"
        self._note(act, [id_], account=link.account, former=former, checked=link.checked.name)
        return self.entry(id_)

    def merge(self, id_: OutsideId, into: OutsideId) -> Entry:
        """Let an identifier, with all that are one person with it, stand for what another one stands for.

        Raises:
            NotPaired: The other one stands for nothing.
        """
        kept = self._holder(into)
        if kept is None or _current(kept) is None:
            raise not_paired(into)
        moved = self._holder(id_) or self._new(id_)
        if moved["name"] == kept["name"]:
            return self.entry(id_)
        before = _current(moved)
        kept["merged"].append({"holder": moved["name"], "ids": moved["ids"]})
        kept["ids"] += moved["ids"]
        for pair in moved["ids"]:
            self._rows.put(*_id(kept, pair).parts, content=kept["name"])
        self._save({**moved, "ids": [], "into": kept["name"]})
        self._save(kept)
        former = None if before is None else before["account"]
        self._note("merged", [id_, into], account=_current(kept)["account"], former=former)
        return self.entry(id_)

    def split(self, id_: OutsideId, other: OutsideId) -> tuple[Entry | None, Entry | None]:
        """Part two identifiers that were merged: what came with the merge that joined them goes back.

        Returns:
            What each of the two stands for now; None for one that was not paired before it was merged.

        Raises:
            NotPaired: One of them stands for nothing.
            InputError: They are not one.
        """
        kept, theirs = self._holder(id_), self._holder(other)
        if kept is None or theirs is None:
            raise not_paired(id_ if kept is None else other)
        road = [] if kept["name"] != theirs["name"] else self._road(kept, _pair(id_), _pair(other))
        if not road:
            raise InputError(
                "these two identifiers are apart", fix="See what belongs together: careledger directory list."
            )
        before = _current(kept)
        self._undo(kept, road)
        found = self._maybe(id_), self._maybe(other)
        account = None if found[0] is None else found[0].party.address
        self._note("split", [id_, other], account=account, former=before and before["account"])
        return found

    def remove(self, id_: OutsideId) -> None:
        """Forget an identifier; with the last of its holder all of that holder's accounts.

        Raises:
            NotPaired: It stands for nothing.
        """
        holder = self._holder(id_)
        if holder is None:
            raise not_paired(id_)
        before = _current(holder)
        self._rows.delete(*id_.parts)
        holder["ids"].remove(_pair(id_))
        self._forget(holder, _pair(id_))
        self._note("removed", [id_], former=before and before["account"])

    # HISTORY

    def history(self, id_: OutsideId | None = None) -> list[Change]:
        """Return the lines of the history, or those about one identifier, oldest first."""
        known = [_id(holder, pair) for _, holder in self._rows.about("holder") for pair in holder["ids"]]
        known += [] if id_ is None else [id_]  # it may have been removed
        names = {tag: each for each in known for tag in self._rows.tags(*each.parts)}
        found = []
        for number, line in self._rows.history():
            ids = tuple(names.get((key, text)) for key, text in line["ids"])
            if id_ is None or id_ in ids:
                found.append(_change(number, line, ids))
        return found

    def _note(
        self, act: str, ids: list[OutsideId], *, account: str | None = None, former: str | None = None,
        checked: str | None = None, key: str | None = None,
    ) -> None:  # fmt: skip
        """Write a line; identifiers by their tags, so that what is removed later is not kept by it."""
        tags = [self._rows.tags(*each.parts)[-1] for each in ids]
        self._rows.note(
            {"at": self._now, "act": act, "by": self._by, "ids": tags, "account": account, "former": former,
             "checked": checked, "key": key}
        )  # fmt: skip

    def note_key(self, act: str, key: str | None = None) -> None:
        """Write a line about the directory's own keys."""
        self._note(act, [], key=key)

    # INTERNAL

    def _holder(self, id_: OutsideId) -> Any:
        name = self._rows.get(*id_.parts)
        return None if name is None else self._rows.get("holder", name)

    def _maybe(self, id_: OutsideId) -> Entry | None:
        try:
            return self.entry(id_)
        except NotPaired:
            return None

    def _new(self, id_: OutsideId) -> dict[str, Any]:
        return {
            "name": secrets.token_hex(16), "kind": id_.kind.value, "planYear": id_.plan_year, "label": None,
            "ids": [_pair(id_)], "accounts": [], "merged": [], "into": None,
        }  # fmt: skip

    def _save(self, holder: dict[str, Any]) -> None:
        self._rows.put("holder", holder["name"], content=holder)

    def _road(self, holder: dict[str, Any], one: Pair, other: Pair) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the merges from the outermost to the one that joined two identifiers, each with its holder."""
        for merge in holder["merged"]:
            first, second = one in merge["ids"], other in merge["ids"]
            if first != second:
                return [(holder, merge)]
            if first:
                return [(holder, merge), *self._road(self._rows.get("holder", merge["holder"]), one, other)]
        return []

    def _undo(self, kept: dict[str, Any], road: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """Take back the last merge of a road: its identifiers go to the holder they came with."""
        holder, merge = road[-1]
        moved = list(merge["ids"])
        holder["merged"].remove(merge)
        for _, outer in road[:-1]:
            outer["ids"] = [pair for pair in outer["ids"] if pair not in moved]
        kept["ids"] = [pair for pair in kept["ids"] if pair not in moved]
        restored = self._rows.get("holder", merge["holder"])
        for each in {each["name"]: each for each, _ in road}.values():
            self._save(each)
        if not restored["accounts"]:
            self._rows.delete("holder", restored["name"])
        else:
            self._save({**restored, "ids": moved, "into": None})
        for pair in moved:
            parts = _id(kept, pair).parts
            if restored["accounts"]:
                self._rows.put(*parts, content=restored["name"])
            else:
                self._rows.delete(*parts)

    def _forget(self, holder: dict[str, Any], pair: Pair) -> None:
        """Take an identifier out of a holder's merges; forget a holder none of whose identifiers are left."""
        left = []
        for merge in holder["merged"]:
            if pair in merge["ids"]:
                merge["ids"].remove(pair)
                self._forget(self._rows.get("holder", merge["holder"]), pair)
            if merge["ids"]:
                left.append(merge)
            else:
                self._drop(self._rows.get("holder", merge["holder"]))
        holder["merged"] = left
        if holder["ids"] or holder["into"] is not None:
            self._save(holder)
        else:
            self._drop(holder)

    def _drop(self, holder: dict[str, Any]) -> None:
        for each in holder["accounts"]:
            self._rows.delete("account", each["account"])
        self._rows.delete("holder", holder["name"])


def not_paired(id_: OutsideId) -> NotPaired:
    """Return the error for an identifier that stands for nothing; its value is not in it."""
    return NotPaired(
        f"no account is paired with this identifier of the system {shown(id_.system, 120)}",
        why=f"This directory has no {id_.kind.value} entry for it; systems and values are compared letter by letter.",
        fix="Pair it at the desk (careledger directory pair), or check system and value.",
    )


def _current(holder: dict[str, Any]) -> Any:
    """Return the account of now, or None."""
    return next((each for each in reversed(holder["accounts"]) if each["until"] is None), None)


def _id(holder: dict[str, Any], pair: Pair) -> OutsideId:
    return OutsideId(pair[0], PersonalText(pair[1]), EntryKind(holder["kind"]), holder["planYear"])


def _pair(id_: OutsideId) -> Pair:
    return [id_.system, str(id_.value)]


def _entry(id_: OutsideId, holder: dict[str, Any], link: dict[str, Any]) -> Entry:
    key = link["recipient"]
    recipient = None if key is None else Recipient(from_base64url(key["publicKey"]), Suite(key["suite"]), key["epoch"])
    label = None if holder["label"] is None else PersonalText(holder["label"])
    return Entry(
        id_, PartyRef(id_.kind.party_kind, link["account"], label), recipient, IdentityCheck[link["checked"]],
        link["since"], Address(link["by"]), tuple(_id(holder, pair) for pair in holder["ids"] if pair != _pair(id_)),
        tuple(Address(each["account"]) for each in holder["accounts"] if each is not link),
    )  # fmt: skip


def _change(number: int, line: dict[str, Any], ids: tuple[OutsideId | None, ...]) -> Change:
    checked = None if line["checked"] is None else IdentityCheck[line["checked"]]
    return Change(
        number, line["at"], line["act"], Address(line["by"]), ids, line["account"], line["former"], checked, line["key"]
    )

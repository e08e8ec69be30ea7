"""Which identifiers are one person, and which account that person has.

given two identifiers
  merged            → both stand for the second one's account, paired or not before
  split             → each stands for what it stood for before; nothing for one that was never paired
  merged in a row   → a split takes back the one merge that joined the two
  any order of acts → the same as a list of sets says (a model)
given a paired identifier
  paired again      → the new account, the old one in the history; only on purpose
  removed           → nothing; the history keeps tag and account, the file not the value
the history
  every change once, in order, with who and when; nothing is ever taken out
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careledger import PartyRef, Wallet
from careledger.directory import Directory
from careledger.errors import CareLedgerError, InputError, NotPaired
from tests.sdk.directory.conftest import CARD, MRN, Desk, reply

A, B, C = ((MRN, value) for value in ("MRN-1", "MRN-2", "MRN-3"))


def named(id_: tuple[str, str]) -> dict[str, str]:
    return {"system": id_[0], "value": id_[1]}


def account(number: int) -> PartyRef:
    return PartyRef("person", f"0x{number:040x}")  # type: ignore[arg-type]


def enter(directory: Directory, *ids: tuple[str, str], start: int = 1) -> None:
    for number, id_ in enumerate(ids, start):
        directory.enter(**named(id_), account=account(number), checked="document-seen")


def where(directory: Directory, id_: tuple[str, str]) -> int | None:
    """The account's number, or None."""
    try:
        return int(directory.find(**named(id_)).address, 16)
    except NotPaired:
        return None


def test_merge__paired_and_unpaired__both_stand_for_the_account_that_stays(desk: Desk) -> None:
    directory = desk.directory
    enter(directory, A, B)
    assert directory.merge(**named(B), into=A).party == account(1)
    directory.merge(**named((CARD, "807")), into=B)
    assert [where(directory, each) for each in (A, B, (CARD, "807"))] == [1, 1, 1]
    entry = directory.entry(**named(A))
    assert {(each.system, each.value) for each in entry.also} == {B, (CARD, "807")}
    for number in (1, 2):  # also from the account it stood for before
        assert len(directory.identifiers(account(number))) == 3
    assert len(directory.list()) == 3


def test_merge__again__no_second_line_of_history(desk: Desk) -> None:
    enter(desk.directory, A, B)
    for _ in range(2):
        desk.directory.merge(**named(B), into=A)
    desk.directory.merge(**named(A), into=B)
    assert [each.act for each in desk.directory.history()] == ["entered", "entered", "merged"]


def test_merge__into_nothing__not_paired(desk: Desk) -> None:
    enter(desk.directory, A)
    with pytest.raises(NotPaired):
        desk.directory.merge(**named(A), into=B)
    with pytest.raises(InputError):
        desk.directory.merge(**named(A), into=("no uri", "x"))
    assert where(desk.directory, A) == 1


def test_split__merged__each_as_before(desk: Desk) -> None:
    directory = desk.directory
    enter(directory, A, B)
    directory.merge(**named(B), into=A)
    one, other = directory.split(**named(A), other=B)
    assert one is not None and other is not None and (one.party, other.party) == (account(1), account(2))
    assert (where(directory, A), where(directory, B)) == (1, 2) and one.also == other.also == ()
    with pytest.raises(InputError, match="are apart"):
        directory.split(**named(A), other=B)
    card = (CARD, "807")
    directory.merge(**named(card), into=A)
    assert directory.split(**named(card), other=A) == (None, directory.entry(**named(A)))
    assert where(directory, card) is None
    with pytest.raises(NotPaired):
        directory.split(**named(card), other=A)


def test_split__merged_in_a_row__takes_back_the_merge_that_joined_them(desk: Desk) -> None:
    directory = desk.directory
    enter(directory, A, B, C)
    directory.merge(**named(C), into=B)
    directory.merge(**named(B), into=A)
    assert {where(directory, each) for each in (A, B, C)} == {1}
    directory.split(**named(C), other=B)
    assert [where(directory, each) for each in (A, B, C)] == [1, 1, 3]
    directory.merge(**named(C), into=B)
    directory.split(**named(A), other=C)
    assert [where(directory, each) for each in (A, B, C)] == [1, 1, 3], "C came to this person by a merge of its own"


def test_pair_again__new_account__old_one_stays_in_the_history(desk: Desk, wallet: Wallet) -> None:
    directory = desk.directory
    first = desk.pair(wallet)
    with pytest.raises(InputError, match="paired already"):
        desk.offer()
    second = desk.pair(Wallet.create()[0], again=True)
    assert first != second == directory.find(system=MRN, value="MRN-4711").address
    assert directory.entry(system=MRN, value="MRN-4711").former == (first,)
    assert [each.value for each in directory.identifiers(PartyRef("person", first))] == ["MRN-4711"]
    assert [(each.act, each.former, each.account) for each in directory.history()] == [
        ("paired", None, first), ("paired again", first, second),
    ]  # fmt: skip
    third = desk.pair(wallet, again=True)
    assert third == first, "the old phone was found"
    with pytest.raises(NotPaired):
        desk.offer("MRN-1", again=True)


def test_pair_again__same_account_and_new_opener__key_renewed(desk: Desk, wallet: Wallet) -> None:
    directory = desk.directory
    desk.pair(wallet)
    before = directory.opener_key(system=MRN, value="MRN-4711")
    directory.complete(reply(desk, wallet, desk.offer(again=True), epoch=1), checked="document-seen")
    after = directory.opener_key(system=MRN, value="MRN-4711")
    assert (before.epoch, after.epoch) == (0, 1) and before.key_hash != after.key_hash


def test_complete__paired_meanwhile__refused(desk: Desk, wallet: Wallet) -> None:
    late = reply(desk, wallet, desk.offer())
    desk.pair(Wallet.create()[0])
    with pytest.raises(InputError, match="paired already"):
        desk.directory.complete(late, checked="document-seen")


def test_remove__last_identifier__person_forgotten_and_history_kept(desk: Desk) -> None:
    directory = desk.directory
    enter(directory, A, B)
    directory.merge(**named(B), into=A)
    directory.remove(**named(A))
    assert (where(directory, A), where(directory, B)) == (None, 1)
    directory.remove(**named(B))
    assert directory.list() == [] and directory.identifiers(account(1)) == directory.identifiers(account(2)) == []
    with pytest.raises(NotPaired):
        directory.remove(**named(B))
    told = directory.history(**named(B))
    assert [each.act for each in told] == ["entered", "merged", "removed"] and told[-1].ids[0].value == "MRN-2"  # type: ignore[union-attr]
    assert all(each.ids[0] is None for each in directory.history()), "the file does not know the value any more"
    enter(directory, B, start=2)
    assert where(directory, B) == 2


def test_history__each_act__who_when_what(desk_of: Callable[..., Desk], at: Callable[[float], None]) -> None:
    desk = desk_of("hospital")
    other = desk_of("hospital", opener=desk.opener)  # a second desk of the same organisation, with a key of its own
    at(1_800_000_000)
    enter(desk.directory, A)
    at(1_800_000_100)
    other.directory.of(desk.ref).merge(**named(B), into=A)
    at(1_800_000_200)
    desk.directory.split(**named(B), other=A)
    told = desk.directory.history()
    assert [(each.number, each.at, each.act, each.by) for each in told] == [
        (1, 1_800_000_000, "entered", desk.ref.address),
        (2, 1_800_000_100, "merged", other.ref.address),
        (3, 1_800_000_200, "split", desk.ref.address),
    ]
    assert told[0].checked.word == "document-seen" and told[0].account == account(1).address  # type: ignore[union-attr]
    assert [each.to_json()["act"] for each in desk.directory.history(**named(A))] == ["entered", "merged", "split"]
    with pytest.raises(InputError):
        desk.directory.history(system=MRN)


ACTS = st.lists(
    st.tuples(st.sampled_from(["enter", "merge", "split", "remove"]), st.integers(0, 4), st.integers(0, 4)),
    min_size=4, max_size=14,
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_prop_book__any_acts__as_a_list_of_merges_says(
    desk_of: Callable[..., Desk], acts: list[tuple[str, int, int]]
) -> None:
    directory = desk_of("model").directory
    model = Model()
    for act, first, second in acts:
        done = _act(directory, act, (MRN, str(first)), (MRN, str(second)))
        assert done == model.act(act, first, second), (act, first, second)
        assert [where(directory, (MRN, str(each))) for each in range(5)] == [model.where(each) for each in range(5)]
        together = {tuple(sorted(int(each.value) for each in (e.id, *e.also))) for e in directory.list()}
        assert together == {tuple(sorted(group.ids)) for group in model.groups if group.ids}
    directory._file._checked = False
    directory.list()  # the sum over all rows is right


def _act(directory: Directory, act: str, one: tuple[str, str], other: tuple[str, str]) -> bool:
    try:
        if act == "enter":
            directory.enter(**named(one), account=account(100 + int(one[1])), checked="vouched-for")
        elif act == "merge":
            directory.merge(**named(one), into=other)
        elif act == "split":
            directory.split(**named(one), other=other)
        else:
            directory.remove(**named(one))
    except CareLedgerError:
        return False
    return True


class Group:
    """A person: identifiers, the account, and the groups it took in, each with what it brought."""

    def __init__(self, ids: set[int], account: int | None) -> None:
        self.ids, self.account = ids, account
        self.taken: list[tuple[Group, set[int]]] = []

    def everybody(self) -> set[int | None]:
        return {self.account}.union(*(group.everybody() for group, _ in self.taken))


class Model:
    """What the directory should do, on plain sets."""

    def __init__(self) -> None:
        self.groups: list[Group] = []

    def of(self, id_: int) -> Group | None:
        return next((group for group in self.groups if id_ in group.ids), None)

    def where(self, id_: int) -> int | None:
        group = self.of(id_)
        return None if group is None else group.account

    def act(self, act: str, one: int, other: int) -> bool:
        return bool(getattr(self, act)(one, other))

    def enter(self, one: int, _: int) -> bool:
        if self.of(one) is not None or any(100 + one in group.everybody() for group in self.groups):
            return False
        self.groups.append(Group({one}, 100 + one))
        return True

    def merge(self, one: int, other: int) -> bool:
        kept, moved = self.of(other), self.of(one) or Group({one}, None)
        if kept is None:
            return False
        if kept is not moved:
            kept.taken.append((moved, set(moved.ids)))
            kept.ids |= moved.ids
            moved.ids = set()
            self.groups = [group for group in self.groups if group is not moved]
        return True

    def split(self, one: int, other: int) -> bool:
        group = self.of(one)
        if group is None or self.of(other) is not group or one == other:
            return False
        self._part(group, one, other, [])
        return True

    def _part(self, group: Group, one: int, other: int, outer: list[set[int]]) -> None:
        top = group if not outer else None
        for place, (inner, brought) in enumerate(group.taken):
            if (one in brought) != (other in brought):
                del group.taken[place]
                inner.ids = set(brought)
                for each in outer:
                    each -= inner.ids
                if top is not None:
                    top.ids -= inner.ids
                if inner.account is not None:
                    self.groups.append(inner)
                return
            if one in brought:
                root = [] if top is None else [top.ids]
                self._part(inner, one, other, [*outer, *root, brought])
                return

    def remove(self, one: int, _: int) -> bool:
        group = self.of(one)
        if group is None:
            return False
        group.ids.discard(one)
        self._forget(group, one)
        self.groups = [each for each in self.groups if each.ids]
        return True

    def _forget(self, group: Group, id_: int) -> None:
        for inner, brought in group.taken:
            brought.discard(id_)
            self._forget(inner, id_)
        group.taken = [(inner, brought) for inner, brought in group.taken if brought]

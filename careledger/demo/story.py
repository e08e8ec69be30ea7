"""How a journey is told: scenes of steps, each one sentence, with what it cost and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from careledger.errors import CareLedgerError, ContractError
from careledger.values import Receipt, plain

__all__ = ["Outcome", "Scene", "Step", "Story"]

Outcome = Literal["done", "refused", "attack failed"]
"""Done, or refused as it should be, or an attack that came to nothing."""


@dataclass(frozen=True)
class Step:
    """One thing that happened."""

    sentence: str
    outcome: Outcome = "done"
    gas: int | None = None
    """None where nothing was sent."""
    tx: str | None = None
    why: str = ""
    """The reason of a refusal."""

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return dict(vars(self))


@dataclass
class Scene:
    """A part of the journey."""

    title: str
    steps: list[Step] = field(default_factory=list)

    @property
    def gas(self) -> int:
        """Gas of all steps together."""
        return sum(step.gas or 0 for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return title, gas and steps."""
        return {"title": self.title, "gas": self.gas, "steps": [step.to_json() for step in self.steps]}


class AttackSucceeded(CareLedgerError):
    """Something that had to fail did not: the demo stops, loudly."""


class Story:
    """What is told, and to whom.

    Args:
        tell: Called with each scene as it opens and each step as it happens.
    """

    def __init__(self, tell: Callable[[Scene | Step], None] | None = None) -> None:
        self.scenes: list[Scene] = []
        self.facts: dict[str, Any] = {}
        """What the end of the story reports: files, counts, the outsider's view."""
        self._tell = tell or (lambda _: None)

    def scene(self, title: str) -> None:
        """Open a scene."""
        self.scenes.append(Scene(title))
        self._tell(self.scenes[-1])

    def step(self, sentence: str, receipt: Receipt[Any] | None = None, *, also: int = 0) -> None:
        """Tell what was done.

        Args:
            sentence: One sentence.
            receipt: Of the transaction, if there was one.
            also: Gas of further transactions that belong to it.
        """
        gas = receipt.gas + also if receipt else (also or None)
        self._add(Step(sentence, gas=gas, tx=receipt.tx if receipt else None))

    def refused(self, sentence: str, why: str) -> None:
        """Tell what was rightly refused."""
        self._add(Step(sentence, "refused", why=why))

    def attack(self, sentence: str, attempt: Callable[[], Any], *expected: type[CareLedgerError]) -> None:
        """Let somebody without the key try, and see it fail.

        Args:
            sentence: What was tried.
            attempt: Does it; must raise.
            *expected: How it must fail.

        Raises:
            AttackSucceeded: It did not fail, or not in that way.
        """
        try:
            attempt()
        except expected as error:
            self._add(Step(sentence, "attack failed", why=_reason(error)))
            return
        raise AttackSucceeded(f"this should have failed and did not: {sentence}", fix="Report it as a security issue.")

    def _add(self, step: Step) -> None:
        self.scenes[-1].steps.append(step)
        self._tell(step)

    @property
    def gas(self) -> int:
        """Gas of the whole journey."""
        return sum(scene.gas for scene in self.scenes)

    def to_json(self) -> dict[str, Any]:
        """Return scenes, totals and facts."""
        return {"scenes": [scene.to_json() for scene in self.scenes], "gas": self.gas, **plain(self.facts)}


def _reason(error: CareLedgerError) -> str:
    """Return why something failed, as a sentence: of a contract's refusal its name and what it says about itself."""
    if not isinstance(error, ContractError):
        return error.message
    why = error.why.removeprefix("Thrown when ").rstrip(".")
    return f"{type(error).__name__.partition('_')[2]}: {why}" if why else error.message

"""What guardians, owners and accreditors do in a recovery, as tests of it write it."""

from tests.words import DAY, SWISS
from tests.world import LATER

WAIT = 3 * DAY
LAPSE = 30 * DAY


def approve(world, subject, new, circle, index, *, sender=None, signature=b"", deadline=LATER, proof=None, said=None):
    return world.participants.approveRecovery(
        subject, new, said or circle.terms, proof or circle.proof(index), deadline, signature,
        sender=sender or circle.people[index],
    )  # fmt: skip


def execute(world, subject, new, circle, sender=None):
    return world.participants.executeRecovery(subject, new, circle.terms, sender=sender or world.relayer)


def object_(world, subject, new, sender):
    return world.participants.objectToRecovery(subject, new, sender=sender)


def endorse(world, subject, new, sender=None, where=SWISS):
    by = sender or world.accreditor
    return world.participants.endorseRecovery(subject, new, by, where, sender=by)


def recovery(world, subject, new):
    return world.participants.recoveryOf(subject, new)["recovery"]


def recovery_id(world, subject, new):
    return world.id_of(world.participants, ("address", subject), ("address", new))

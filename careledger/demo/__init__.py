"""``careledger demo``: the first journey, played on a local chain with real files and real attacks.

``story`` is how a journey is told · ``cast`` who plays · ``journey``, ``people``, ``lost`` the scenes, on ``scenes`` ·
``attacks`` what somebody without the key tries · ``outsider`` what a stranger saw beside what it meant.
"""

from careledger.demo.journey import play
from careledger.demo.story import Scene, Step, Story

__all__ = ["Scene", "Step", "Story", "play"]

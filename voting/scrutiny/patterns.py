"""What a flagged group most looks like: each function says how much of the group shows it, 0 to 1.

Which pattern a case bears decides nothing; it tells people where to look first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from voting.case import Pattern
from voting.scrutiny.measures import Pairs
from voting.scrutiny.traits import Scene, Trait
from voting.scrutiny.votes import Longs, Mask, Votes

MANY_FROM_ONE: Final = 20
MOSTLY: Final = 0.5
HARDLY_ELSE: Final = 0.8
SOME: Final = 3


def one_address(votes: Votes, at: Longs) -> float:
    """The share that came from addresses with very many of the group.

    Honest: a campus or an office behind one address; but there most people have accounts, come
    back, and vote for other entries too.
    """
    address = votes.ip[at]
    count = np.bincount(address + 1)
    return float((count[address + 1] >= MANY_FROM_ONE).mean())


def is_alone(votes: Votes, networks: Pairs) -> Mask:
    """For each vote, whether its network votes for hardly anything else than its entry."""
    own = networks.size
    hardly = (own >= HARDLY_ELSE * (own + networks.elsewhere)) & (own >= SOME)
    found: Mask = hardly[networks.of] & (votes.net >= 0)
    return found


def lone_network(alone: Mask, at: Longs) -> float:
    """The share that came from networks which vote for hardly anything else.

    Honest: a firm or a village of a small provider; it doesn't bring hundreds who each come once.
    """
    return float(alone[at].mean())


def marker(votes: Votes, at: Longs) -> float:
    """The share that carries a link or a browser which nobody else has.

    Honest: a link of one's own in one's own chat, or the built-in browser of an application.
    """
    mine = np.zeros(len(votes), bool)
    mine[at] = True
    found = np.zeros(len(at), bool)
    for code in (votes.ua, votes.share):
        whole = np.bincount(code + 1)
        own = np.bincount(code[at] + 1, minlength=len(whole))
        only = (own >= 0.9 * whole) & (own >= 3)
        only[0] = False
        found |= only[code[at] + 1]
    return float(found.mean())


def pattern_of_passers(votes: Votes, alone: Mask, at: Longs, scene: Scene) -> Pattern:
    """One address before networks before markers, because each is easier to check than the next;
    what came within a day is a crowd, and the rest are relays: addresses borrowed from homes.

    Honest: people's addresses do change, but not to those of other entries' voters.
    """
    if one_address(votes, at) > MOSTLY:
        return Pattern.ONE_ADDRESS
    if lone_network(alone, at) > MOSTLY:
        return Pattern.LONE_NETWORK
    if scene.is_one_event:
        return Pattern.CROWD
    return Pattern.MARKER if marker(votes, at) > MOSTLY else Pattern.RELAYS


def pattern_of_troop(traits: Mapping[Trait, object]) -> Pattern:
    """A few models in a steady row are a room full of phones; the others are people in step.

    Honest: a class with the school's tablets, which has no more than a lesson's worth of votes.
    """
    if Trait.FEW_AGENTS in traits and Trait.REGULAR in traits:
        return Pattern.PHONE_ROOM
    return Pattern.LOCKSTEP

"""What all detectors stand on: the votes, what is natural among them, and what would matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from voting.scrutiny.measures import SMALLEST, Nature, nature, rarity_of
from voting.scrutiny.passers import passers, usual
from voting.scrutiny.traits import effective
from voting.scrutiny.votes import Floats, Mask, Votes

#: Nobody is accused for what couldn't matter: fewer votes than a twentieth of the last winner's.
MATTERS: Final = 0.05
FEWEST: Final = 40


@dataclass(frozen=True)
class Ground:
    """What all detectors stand on."""

    votes: Votes
    clean: Mask
    nature: Nature
    rarity: Floats
    winners: int
    least: float
    usual_networks: float

    @classmethod
    def of(cls, votes: Votes, winners: int) -> Ground:
        rarity = rarity_of(votes)
        inside = np.bincount(votes.entry, passers(votes), len(votes.entries)).astype(np.int64)
        clean = usual(inside, votes.per_entry).clean
        ranked = np.sort(votes.per_entry)[::-1]
        last = float(ranked[min(winners, len(ranked)) - 1])
        return cls(
            votes=votes,
            clean=clean,
            nature=nature(votes, rarity, clean),
            rarity=rarity,
            winners=winners,
            least=max(FEWEST, MATTERS * last),
            usual_networks=_usual_networks(votes, clean),
        )


def _usual_networks(votes: Votes, clean: Mask) -> float:
    """The effective number of networks that the usual entry's votes come from."""
    entries = np.flatnonzero(clean & (votes.per_entry >= SMALLEST))
    found = [effective(votes.net[votes.entry == entry]) for entry in entries]
    return float(np.median(found)) if found else 1.0

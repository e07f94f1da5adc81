"""Voters without an account who came once, and the entries that have far too many of them.

Every entry has some: nearly the same share everywhere, because people lose cookies and use
browsers everywhere. A script that throws its cookie away after each vote has nothing else. An
entry's excess is measured against all other entries; which of its passers are the excess is
estimated as a mixture: people as they pass elsewhere, and whatever is here besides.

The honest thing that looks most like it is a crowd from a place where nobody is signed in: a
broadcast that is watched in a browser, a classroom with tablets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from voting.scrutiny.measures import own_count
from voting.scrutiny.votes import Floats, Ints, Longs, Mask, Votes

#: An entry with fewer votes says nothing about what is usual.
ENOUGH: Final = 100
#: So many standard deviations between entries: far outside whatever entries differ by.
FAR: Final = 4.0
CLEAR: Final = 2.0
#: Of the honest votes of an entry, so many may be named by mistake, as measured on other entries.
MISTAKEN: Final = 0.001
#: Among the named, at most one in ten may be as likely honest.
LIKELY: Final = 9.0
ROUNDS: Final = 80
#: Twice that per doubling of the seconds on the page.
DWELLS, AGENTS, WATCHED, COMPANY, KNOWN = 14, 16, 6, 6, 4


@dataclass(frozen=True)
class Excess:
    """An entry's surplus of one kind of voters.

    Of `votes` there are `inside` of this kind, `share` ± `spread` of them is usual; `surplus` is
    what is over, `low` to `high`; `distance` in standard deviations between entries. `lasting` is
    left of the surplus without its two largest days, `days` is how many have one. `named`: indices
    of the votes that the mixture takes for the surplus.
    """

    entry: int
    votes: int
    inside: int
    share: float
    spread: float
    surplus: float
    low: float
    high: float
    distance: float
    lasting: float
    days: int
    named: Longs


@dataclass(frozen=True)
class Usual:
    """What share of an entry's votes is usually of this kind, and which entries are usual."""

    share: float
    spread: float
    distance: Floats
    clean: Mask


def passers(votes: Votes) -> Mask:
    found: Mask = votes.device & (votes.votes_of_voter == 1)
    return found


def usual(inside: Longs, votes: Longs) -> Usual:
    """`inside` of each entry's `votes` are of the kind. Robust: the entries far out are left out
    and the rest is looked at again."""
    clean = votes >= min(ENOUGH, np.sort(votes)[len(votes) // 2])
    share = inside / np.maximum(votes, 1)
    for _ in range(3):
        middle = float(np.median(share[clean]))
        chance = middle * (1 - middle) / np.maximum(votes, 1)
        seen = (1.4826 * float(np.median(np.abs(share[clean] - middle)))) ** 2
        between = max(seen - float(np.median(chance[clean])), (0.1 * middle) ** 2, 1e-6)
        distance = (share - middle) / np.sqrt(between + chance)
        clean = clean & (distance < FAR)
    return Usual(middle, between**0.5, distance, distance < FAR)


def excesses(votes: Votes, kind: Mask, least: float) -> Iterator[Excess]:
    """The entries with more than `least` votes too many of a `kind`, and which they are."""
    total, inside = votes.per_entry, np.bincount(votes.entry, kind, len(votes.entries))
    norm = usual(inside.astype(np.int64), total)
    surplus = (inside - norm.share * total) / (1 - norm.share)
    far = np.flatnonzero((norm.distance > FAR) & (surplus > least))
    if not len(far):
        return
    mixture = Mixture.of(votes, kind, norm.clean)
    for entry in far:
        slack = 2 * norm.spread * total[entry] / (1 - norm.share)
        lasting, days = _lasting(votes, kind, int(entry), norm)
        yield Excess(
            entry=int(entry),
            votes=int(total[entry]),
            inside=int(inside[entry]),
            share=norm.share,
            spread=norm.spread,
            surplus=float(surplus[entry]),
            low=max(float(surplus[entry] - slack), 0.0),
            high=min(float(surplus[entry] + slack), float(inside[entry])),
            distance=float(norm.distance[entry]),
            lasting=lasting,
            days=days,
            named=mixture.name(
                mixture.entry == entry, float(surplus[entry]), float(total[entry] - surplus[entry])
            ),
        )


@dataclass(frozen=True)
class Beside:
    """Voters with an account who came again and again for one entry only: how many votes, and how
    many more than usual beside everything else that the entry has."""

    votes: int
    surplus: float
    slack: float


def beside(votes: Votes, excess: Excess) -> Beside:
    """Who else came only for an entry that has too many passers: a drip has some accounts too."""
    kind = ~votes.device & votes.of_one_entry & (votes.votes_of_voter > 1)
    total = votes.per_entry.astype(float)
    total[excess.entry] -= excess.surplus
    inside = np.bincount(votes.entry, kind, len(total))
    norm = usual(inside.astype(np.int64), np.maximum(total, 1).astype(np.int64))
    mine = float(total[excess.entry])
    surplus = (float(inside[excess.entry]) - norm.share * mine) / (1 - norm.share)
    if norm.distance[excess.entry] < CLEAR or surplus <= 0:
        return Beside(0, 0.0, 0.0)
    slack = 2 * norm.spread * mine / (1 - norm.share)
    return Beside(int(inside[excess.entry]), surplus, slack)


def _lasting(votes: Votes, kind: Mask, entry: int, norm: Usual) -> tuple[float, int]:
    """What is left of the surplus without the two days that have most of it, and on how many days
    there is a clear one: a drip lasts, a crowd comes and goes."""
    here = votes.entry == entry
    day = votes.day[here] - votes.day.min()
    cast, of_kind = np.bincount(day), np.bincount(day, kind[here])
    surplus = np.sort((of_kind - norm.share * cast) / (1 - norm.share))[::-1]
    allowed = FAR * np.sqrt(norm.share * np.maximum(cast, 1)) + FAR * norm.spread * cast
    days = int((of_kind - norm.share * cast > allowed).sum())
    return float(surplus[2:].sum()), days


@dataclass(frozen=True)
class Mixture:
    """The votes of one kind, by what doesn't depend on where and when people came from.

    `at`: their indices. `features`: a code each, one array a feature; `usual`: how common each
    code is at the entries that are usual.
    """

    at: Longs
    entry: Ints
    clean: Mask
    features: tuple[Ints, ...]
    usual: tuple[Floats, ...]

    @classmethod
    def of(cls, votes: Votes, kind: Mask, clean: Mask) -> Mixture:
        at = np.flatnonzero(kind)
        entry = votes.entry[at]
        features = tuple(feature[at] for feature in _features(votes, kind, clean))
        honest = clean[entry]
        sizes = (DWELLS, WATCHED, AGENTS, COMPANY, KNOWN, 2, 2)
        common = tuple(
            _shares(np.bincount(feature[honest], minlength=size).astype(float))
            for feature, size in zip(features, sizes, strict=True)
        )
        return cls(at, entry, honest, features, common)

    def name(self, here: Mask, surplus: float, honest_votes: float) -> Longs:
        """Which of the votes `here` are the surplus: as many as can be told apart while, going by
        the other entries, at most MISTAKEN of the entry's `honest_votes` are among them."""
        count = int(here.sum())
        strange = self._strange(here, min(max(surplus / count, 0.05), 0.98))
        odds, elsewhere = strange[here], strange[self.clean & ~here]
        honest = max(count - surplus, 1.0)
        allowed = MISTAKEN * max(honest_votes, 1.0) / honest
        bound = np.log(LIKELY * honest / max(surplus, 1.0))
        if allowed < 1 and len(elsewhere):
            bound = max(bound, float(np.quantile(elsewhere, 1 - allowed)))
        found: Longs = self.at[here][odds > bound]
        return found

    def _strange(self, here: Mask, share: float) -> Floats:
        """For every vote, ln of how much likelier it is as one of the surplus `here`."""
        common = [
            np.log(usual[feature]) for feature, usual in zip(self.features, self.usual, strict=True)
        ]
        base = np.sum([values[here] for values in common], axis=0)
        codes = [feature[here] for feature in self.features]
        posterior = _first_guess(codes, self.usual, share)
        for _ in range(ROUNDS):
            found = [
                _shares(np.bincount(code, posterior, len(usual)) + 3 * usual, 0.0)
                for code, usual in zip(codes, self.usual, strict=True)
            ]
            part = np.sum([np.log(f[code]) for f, code in zip(found, codes, strict=True)], axis=0)
            odds = np.log(share / (1 - share)) + part - base
            last, posterior = posterior, 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
            share = float(np.clip(posterior.mean(), 1e-3, 0.999))
            if np.abs(posterior - last).max() < 1e-4:
                break
        ratio: Floats = np.sum(
            [
                np.log(f[feature]) - values
                for f, feature, values in zip(found, self.features, common, strict=True)
            ],
            axis=0,
        )
        return ratio


def _first_guess(codes: list[Ints], usual: tuple[Floats, ...], share: float) -> Floats:
    odds = np.zeros(len(codes[0]))
    for code, common in zip(codes, usual, strict=True):
        seen = np.bincount(code, minlength=len(common)) / len(code)
        odds += np.log(np.maximum(seen[code], 1e-6) / common[code])
    guess: Floats = min(1.0, 2 * share) / (1 + np.exp(-np.clip(odds, -8, 8)))
    return guess


def _shares(counts: Floats, more: float = 1.0) -> Floats:
    """Counts as shares; `more` is added to each, because what wasn't seen isn't impossible."""
    found: Floats = (counts + more) / (counts + more).sum()
    return found


def _features(votes: Votes, kind: Mask, clean: Mask) -> Iterator[Ints]:
    """Codes of every vote: time on the page, part watched, how common the browser is among this
    kind elsewhere, who else votes from the address, whether the network votes for anything else,
    night, and whether it came by a link."""
    width = len(votes.entries)
    dwell = np.floor(np.log2(np.maximum(votes.dwell_s, 0.25)) * 2 + 2)
    yield np.clip(dwell, 0, DWELLS - 1).astype(np.int32)
    part = np.floor(votes.watched_s / np.maximum(votes.dwell_s, 0.1) * 4) + 1
    yield np.where(votes.watched_s <= 0, 0, np.clip(part, 1, WATCHED - 1)).astype(np.int32)
    yield _agent(votes, kind & clean[votes.entry])
    pair, count = own_count(votes.ip, votes.entry, width)
    same = np.bincount(pair, kind, len(count))[pair]
    mates, others = same - kind, count[pair] - same
    company = [(mates <= 0), others > 0, mates == 1, mates <= 3, mates <= 20]
    yield np.select(company, [0, 1, 2, 3, 4], 5).astype(np.int32)
    pair, count = own_count(votes.net, votes.entry, width)
    whole = np.bincount(votes.net + 1)[votes.net + 1]
    apart = (whole - count[pair]) / whole
    yield np.select([apart == 0, apart < 0.3, apart < 0.8], [0, 1, 2], KNOWN - 1).astype(np.int32)
    yield ((votes.hour >= 0.5) & (votes.hour < 6)).astype(np.int32)
    yield (votes.share >= 0).astype(np.int32)


def _agent(votes: Votes, honest: Mask) -> Ints:
    """-log2 of how common the browser is among the honest of other entries; the last code for one
    that isn't there at all."""
    agent = votes.ua + 1
    pair, count = own_count(agent, votes.entry, len(votes.entries))
    elsewhere = np.bincount(agent, honest)[agent] - np.bincount(pair, honest, len(count))[pair]
    others = honest.sum() - np.bincount(votes.entry, honest, len(votes.entries))[votes.entry]
    rarity = -np.log2(np.maximum(elsewhere, 0.5) / np.maximum(others, 1))
    known = np.clip(np.floor(rarity), 0, AGENTS - 2)
    return np.where(elsewhere <= 0, AGENTS - 1, known).astype(np.int32)

"""One look at the whole ledger: suspects become cases, in order, with what they would change."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from voting.case import PATTERN_WORDS, Case, Effect, Finding, Pattern, Run, effect
from voting.scrutiny.ground import Ground
from voting.scrutiny.measures import SMALLEST
from voting.scrutiny.suspects import (
    Suspect,
    entries_of,
    of_crowds,
    of_passers,
    of_surges,
    of_troops,
)
from voting.scrutiny.votes import Floats, Ints, Longs, Votes

#: Patterns that one way of looking tells apart.
FOUND_AS: Final = dict.fromkeys((Pattern.PHONE_ROOM, Pattern.LOCKSTEP), "together") | dict.fromkeys(
    (
        Pattern.ONE_ADDRESS,
        Pattern.LONE_NETWORK,
        Pattern.CROWD,
        Pattern.MARKER,
        Pattern.RELAYS,
    ),
    "once",
)
#: As many cases as people can decide about.
MOST_CASES: Final = 30
#: So many of a case's entries are told of with their places.
MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Flags:
    """A number for each vote in the order of the ledger, 0.5 and over is a flag, and why."""

    score: Floats
    reason: list[str]


@dataclass(frozen=True)
class Findings:
    """What a look has found. `score`: a number a vote, 0.5 and over is a flag; `reason`: the place
    of the vote's case in `run.cases`, -1 without one; `of_case`: each case's votes. All in the
    order of `votes`; `flags` is in the ledger's."""

    votes: Votes
    run: Run
    score: Floats
    reason: Ints
    of_case: tuple[Longs, ...]

    @property
    def flags(self) -> Flags:
        words = [_reason(case) for case in self.run.cases]
        score, place = np.empty_like(self.score), np.empty_like(self.reason)
        score[self.votes.row], place[self.votes.row] = self.score, self.reason
        return Flags(score, [words[one] if one >= 0 else "" for one in place])


def _reason(case: Case) -> str:
    """What speaks against a case's votes, on one line, with its numbers."""
    words = "；".join(one.sentence for one in case.evidence)
    return f"{PATTERN_WORDS[case.pattern]}：{words}"


def look(votes: Votes, winners: int = 10, at_ms: int | None = None) -> Findings:
    """Look for groups that two kinds of evidence speak against. `winners`: how many places matter.

    The same votes give the same findings, in whatever order the file had votes of one moment.
    """
    began = time.perf_counter()
    score = np.zeros(len(votes))
    found: list[Suspect] = []
    if len(votes) >= SMALLEST:
        ground = Ground.of(votes, winners)
        found = [
            *of_passers(ground, score),
            *of_troops(ground),
            *of_crowds(ground),
            *of_surges(ground),
        ]
    cases, reason = _settled(votes, winners, found, score)
    run = Run(
        at_ms=at_ms if at_ms is not None else int(votes.ts_ms.max(initial=0)),
        rows=len(votes),
        seconds=time.perf_counter() - began,
        cases=tuple(one.case for one in cases),
    )
    return Findings(votes, run, score, reason, tuple(one.votes for one in cases))


def _settled(
    votes: Votes, winners: int, found: list[Suspect], score: Floats
) -> tuple[list[Suspect], Ints]:
    """The cases in their order, with names and effects; each vote belongs to one of them."""
    taken = np.zeros(len(votes), bool)
    cases = []
    for one in sorted(found, key=lambda one: (-len(one.votes), one.case.entries)):
        own = one.votes[~taken[one.votes]]
        if len(one.votes) and len(own) < len(one.votes) / 2:
            continue
        taken[own] = True
        case = one.case
        if len(own) < len(one.votes):
            case = replace(case, votes=len(own), entries=entries_of(votes, own))
        cases.append(Suspect(replace(case, effect=_effect(votes, winners, own, case)), own))
    cases.sort(key=lambda one: (not one.case.effect.changes_winners, -one.case.votes))
    cases = _named(cases[:MOST_CASES])
    reason = np.full(len(votes), -1, np.int32)
    for place, one in enumerate(cases):
        score[one.votes] = one.case.score
        reason[one.votes] = place
    return cases, reason


def _named(cases: list[Suspect]) -> list[Suspect]:
    """Each case gets an id that it keeps while its group grows: how it was found, of which entry,
    and the how manieth of these, counted from the earliest. Not its pattern, because what a group
    most looks like may change from one day to the next."""
    seen: dict[str, int] = {}
    ids: dict[int, str] = {}
    for place in sorted(range(len(cases)), key=lambda place: cases[place].case.first_ms):
        case = cases[place].case
        kind = f"{FOUND_AS.get(case.pattern, case.pattern)} {case.entries[0][0]}"
        if case.finding is Finding.SURGE:  # tomorrow's is another one
            kind += f" {case.first_ms}"
        seen[kind] = seen.get(kind, 0) + 1
        ids[place] = hashlib.sha256(f"{kind} {seen[kind]}".encode()).hexdigest()[:12]
    return [replace(one, case=replace(one.case, id=ids[place])) for place, one in enumerate(cases)]


def _effect(votes: Votes, winners: int, at: Longs, case: Case) -> Effect:
    """What the ranking would be without these votes; for an excess, without its upper bound."""
    less = votes.per_entry - np.bincount(votes.entry[at], minlength=len(votes.entries))
    before, after = (
        dict(zip(votes.entries, count.tolist(), strict=True)) for count in (votes.per_entry, less)
    )
    if case.finding is Finding.EXCESS:
        after[case.entries[0][0]] -= case.high
    return effect(before, after, winners, [name for name, _ in case.entries[:MOST_NAMED]])

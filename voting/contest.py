"""The nouns of the contest, and what follows from them: phases, ranking, order, what may be shown.

Plain Python: no store, no web, no clock of its own. All times are milliseconds since the epoch
(UTC); a *day* is a calendar day in the contest's time zone.
"""

from __future__ import annotations

import enum
import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TypeVar

#: An entry, by its number or as a ledger names it.
Name = TypeVar("Name", int, str)

#: China has one time zone and no daylight saving, so a fixed offset is exact (and needs no tzdata).
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: How far Shanghai's clocks are ahead of UTC. Whole hours, so hours begin there where everybody's
#: do, and only days differ.
AHEAD_MS = 8 * HOUR_MS


def moment(ms: int) -> datetime:
    """The time on Shanghai's clocks, to the second; without a zone, as people write it."""
    return datetime.fromtimestamp(ms // 1000, SHANGHAI).replace(tzinfo=None)


def minute_words(ms: int) -> str:
    """`11月23日 18:05`, on Shanghai's clocks."""
    at = moment(ms)
    return f"{at.month}月{at.day}日 {at:%H:%M}"


class EntryState(enum.StrEnum):
    """Where an entry stands; only an approved one is public and takes votes."""

    PENDING = "pending"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


#: Each state in an organizer's words.
STATE_WORDS: Mapping[EntryState, str] = {
    EntryState.PENDING: "待审核",
    EntryState.APPROVED: "已公开",
    EntryState.REFUSED: "未通过",
    EntryState.WITHDRAWN: "已撤下",
}


class Period(enum.StrEnum):
    """What a voter's quota is counted over."""

    DAY = "day"
    CONTEST = "contest"


class Tie(enum.StrEnum):
    """What happens when entries share the last winning place."""

    ALL_AWARDED = "all_awarded"
    JURY = "jury"


class Counts(enum.StrEnum):
    """When the public may see counts."""

    LIVE = "live"
    AFTER_CLOSE = "after_close"


class Quiet(enum.StrEnum):
    """What the public sees of counts in the last hours."""

    HIDDEN = "hidden"
    ROUNDED = "rounded"


class CloseCall(enum.StrEnum):
    """Who decides where the last winning places hang on votes that nobody can name."""

    COUNT = "count"
    JURY = "jury"
    ALL_AWARDED = "all_awarded"


@dataclass(frozen=True, slots=True)
class Closing:
    """[closing]: how the vote ends; as it stands here nothing is special about the end.

    `round_to` is the step that counts are rounded down to. `review_hours` says how long the votes
    are looked through after the close, 0 that nobody has said so.
    """

    quiet_hours: int = 0
    quiet: Quiet = Quiet.HIDDEN
    round_to: int = 100
    review_hours: int = 0
    close_call: CloseCall = CloseCall.COUNT

    @property
    def words(self) -> list[str]:
        """What makes a difference, for a law's source: nothing where nothing is special."""
        found: list[str] = []
        if self.quiet_hours:
            step = [str(self.round_to)] if self.quiet is Quiet.ROUNDED else []
            found += ["quiet", str(self.quiet_hours), str(self.quiet), *step]
        if self.review_hours:
            found += ["review", str(self.review_hours)]
        if self.close_call is not CloseCall.COUNT:
            found += ["close_call", str(self.close_call)]
        return found


class Phase(enum.StrEnum):
    """Where the vote stands."""

    BEFORE = "before"
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    UNDER_REVIEW = "under_review"
    PUBLISHED = "published"


class Stage(enum.StrEnum):
    """What organizers have made of a vote whose window is over."""

    NONE = ""
    UNDER_REVIEW = "under_review"
    PUBLISHED = "published"


class Step(enum.StrEnum):
    """What an organizer may do to the vote; the clock does the rest."""

    OPEN = "open"
    POSTPONE = "postpone"
    PAUSE = "pause"
    RESUME = "resume"
    CLOSE = "close"
    EXTEND = "extend"
    REVIEW = "under-review"
    TAKE_BACK = "take-back"
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"


#: Which steps each phase allows; what isn't here can't be done. Once the result is being checked
#: the window stays as it is, unless the check is taken back in so many words.
STEPS: Mapping[Phase, tuple[Step, ...]] = {
    Phase.BEFORE: (Step.OPEN, Step.POSTPONE, Step.EXTEND),
    Phase.OPEN: (Step.PAUSE, Step.EXTEND, Step.CLOSE),
    Phase.PAUSED: (Step.RESUME, Step.EXTEND, Step.CLOSE),
    Phase.CLOSED: (Step.REVIEW, Step.EXTEND),
    Phase.UNDER_REVIEW: (Step.PUBLISH, Step.TAKE_BACK),
    Phase.PUBLISHED: (Step.PUBLISH, Step.UNPUBLISH),
}

#: The phases in which no vote will be taken any more.
ENDED = frozenset({Phase.CLOSED, Phase.UNDER_REVIEW, Phase.PUBLISHED})


class Verdict(enum.StrEnum):
    """What became of a ballot. The value is the stable `code` of the API."""

    ACCEPTED = "accepted"
    NOT_OPEN = "not_open"
    PAUSED = "paused"
    CLOSED = "closed"
    UNKNOWN_ENTRY = "unknown_entry"
    ENTRY_NOT_VOTABLE = "entry_not_votable"
    ALREADY_VOTED = "already_voted"
    QUOTA_USED = "quota_used"
    PASS_REQUIRED = "pass_required"  # noqa: S105 a code, not a password
    WECHAT_REQUIRED = "wechat_required"
    BALLOT_INVALID = "ballot_invalid"
    BALLOT_EXPIRED = "ballot_expired"
    FOREIGN_BALLOT = "foreign_ballot"
    TOO_EARLY = "too_early"


#: The key of the category whose entries carry the AI label, and the label.
AI = "ai"
AI_LABEL = "AI 生成"


@dataclass(frozen=True, slots=True)
class Category:
    """One of the contest's categories. `ai` entries carry the AI label everywhere."""

    key: str
    name: str
    max_seconds: int
    ai: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """What the contest's notice asks of a submission.

    `sizes` are the pictures' widths and heights as displayed; `introduction_chars` is the longest
    introduction, without spaces and line breaks.
    """

    categories: Mapping[str, Category]
    sizes: tuple[tuple[int, int], ...]
    introduction_chars: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission. `media` names its files; it says nothing about whoever sent them.

    `doubts` need a person's eye, `notes` are only good to know; both are what intake found.
    `ai_labelled`: a reviewer has seen that the video itself carries its AI label.
    """

    number: int
    title: str
    author: str
    unit: str
    instructor: str
    city: str
    category: str
    introduction: str
    state: EntryState
    media: str
    width: int
    height: int
    seconds: float
    form_sha256: str
    video_sha256: str
    taken_in_ms: int
    content_sha256: str = ""
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ai_labelled: bool = False

    @property
    def ai(self) -> bool:
        return self.category == AI

    @property
    def upright(self) -> bool:
        return self.height > self.width

    @property
    def label(self) -> str:
        """The number as people say and search it: `007`."""
        return f"{self.number:03d}"


class Identity(enum.IntEnum):
    """How well a voter is known; stored in each ledger row."""

    DEMO = 0
    DEVICE = 1
    OPENID = 2


#: Best known first.
IDENTITY_WORDS: Mapping[Identity, str] = {
    Identity.OPENID: "微信账号",
    Identity.DEVICE: "设备凭证",
    Identity.DEMO: "演示票",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """One numbered version of the rules in force. `[opens_ms, closes_ms)` is the voting window.

    `votes_per_device` is the quota of whoever votes without a WeChat account; 0 lets none of them.
    """

    version: int
    since_ms: int
    reason: str
    source: str
    opens_ms: int
    closes_ms: int
    votes_per_voter: int
    votes_per_entry: int
    period: Period
    winners: int
    tie: Tie
    counts: Counts
    votes_per_device: int
    closing: Closing = Closing()

    def votes_of(self, identity: Identity) -> int:
        """How many votes a voter of this class has in a period."""
        return self.votes_per_device if identity is Identity.DEVICE else self.votes_per_voter

    @property
    def quiet_ms(self) -> int | None:
        """When the quiet hours begin; None where there are none, or nothing to keep quiet about."""
        if not self.closing.quiet_hours or self.counts is not Counts.LIVE:
            return None
        return max(self.opens_ms, self.closes_ms - self.closing.quiet_hours * HOUR_MS)

    @property
    def review_until_ms(self) -> int | None:
        """When the time set for the review is over; None where none was set."""
        hours = self.closing.review_hours
        return self.closes_ms + hours * HOUR_MS if hours else None

    def phase(self, now_ms: int, *, paused: bool, stage: Stage = Stage.NONE) -> Phase:
        if now_ms < self.opens_ms:
            return Phase.BEFORE
        if now_ms >= self.closes_ms:
            return Phase(stage) if stage else Phase.CLOSED
        return Phase.PAUSED if paused else Phase.OPEN


@dataclass(frozen=True, slots=True)
class Law:
    """[voting], [result] and [closing] as written.

    `opens` and `closes` may be the demo's relative words.
    """

    opens: datetime | str
    closes: datetime | str
    votes_per_voter: int
    votes_per_entry: int
    period: Period
    winners: int
    tie: Tie
    counts: Counts
    votes_per_device: int
    closing: Closing = Closing()

    @property
    def source(self) -> str:
        """Changes exactly when somebody changes the law in contest.toml."""
        words = [str(getattr(self, name)) for name in self.__slots__ if name != "closing"]
        if self.votes_per_device == self.votes_per_voter:
            words.pop()  # the law as it was written before devices had a quota of their own
        words += self.closing.words  # none for the law as it was written before it had an end
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]

    def rules(self, version: int, reason: str, now_ms: int) -> Rules:
        """The law as a numbered version, its relative words resolved now."""
        opens, closes = self.window(now_ms)
        return Rules(
            version=version,
            since_ms=now_ms,
            reason=reason,
            source=self.source,
            opens_ms=int(opens.timestamp() * 1000),
            closes_ms=int(closes.timestamp() * 1000),
            votes_per_voter=self.votes_per_voter,
            votes_per_entry=self.votes_per_entry,
            period=self.period,
            winners=self.winners,
            tie=self.tie,
            counts=self.counts,
            votes_per_device=self.votes_per_device,
            closing=self.closing,
        )

    def window(self, now_ms: int) -> tuple[datetime, datetime]:
        midnight = datetime.fromtimestamp(now_ms / 1000, SHANGHAI).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        opens = midnight - timedelta(days=1) if isinstance(self.opens, str) else self.opens
        closes = opens + timedelta(days=14) if isinstance(self.closes, str) else self.closes
        return opens, closes


@dataclass(frozen=True, slots=True)
class Ballot:
    """One permission to cast one vote for one entry. The ballot's id makes casting repeatable.

    `issued_ms` is when the voter looked at the page; a ballot lives 30 minutes from there.
    """

    id: bytes
    voter: bytes
    entry: int
    issued_ms: int


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known about the circumstances of a vote; pseudonyms only."""

    identity: Identity
    address: bytes
    network: bytes
    agent: bytes
    share: bytes
    dwell_ms: int
    watched_s: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, and for an accepted ballot the vote's id and what the voter has left."""

    verdict: Verdict
    vote_id: str = ""
    votes_left: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """An entry's place. Equal counts share it, and the places after it are skipped (1, 2, 2, 4)."""

    rank: int
    number: int
    votes: int


@dataclass(frozen=True, slots=True)
class Standings:
    """The ranking as of one moment, best first; `rows` holds approved entries only."""

    as_of_ms: int
    paused: bool
    rows: tuple[Standing, ...]

    @property
    def total_votes(self) -> int:
        return sum(row.votes for row in self.rows)

    def winning(self, winners: int) -> tuple[Standing, ...]:
        """The rows inside the winning places; nobody wins without a vote."""
        return tuple(row for row in self.rows if row.rank <= winners and row.votes)

    def of(self, number: int) -> Standing | None:
        return next((row for row in self.rows if row.number == number), None)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How far an entry is from the places around it, in votes; None where there is no such place.

    `to_win` counts the votes missing to the last winning place (0 when the entry is in).
    """

    above: int | None
    below: int | None
    to_win: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What the public may see now; every output asks here.

    `counts`: whether any; `step` is what they are rounded down to, 1 where they are exact; `quiet`:
    whether that is so because the vote is in its last hours.
    """

    counts: bool
    step: int = 1
    quiet: bool = False

    @property
    def rounded(self) -> bool:
        return self.counts and self.step > 1

    @property
    def word(self) -> str:
        """`exact`, `rounded` or `hidden`."""
        return "rounded" if self.rounded else "exact" if self.counts else "hidden"


def what_may_be_shown(rules: Rules, now_ms: int) -> Shown:
    if now_ms < rules.opens_ms:
        return Shown(counts=False)
    if now_ms >= rules.closes_ms:
        return Shown(counts=True)
    if rules.quiet_ms is None or now_ms < rules.quiet_ms:
        return Shown(counts=rules.counts is Counts.LIVE)
    if rules.closing.quiet is Quiet.ROUNDED:
        return Shown(counts=True, step=rules.closing.round_to, quiet=True)
    return Shown(counts=False, quiet=True)


def as_shown(standings: Standings, shown: Shown) -> Standings:
    """The standings that the public sees: all, none of their rows, or those of rounded counts.

    Rounded counts make their own ranking, the total is theirs too: else the order within a step, or
    the last digits of the total, would tell of single votes.
    """
    if not shown.counts:
        return Standings(standings.as_of_ms, standings.paused, ())
    if not shown.rounded:
        return standings
    rounded = {row.number: row.votes // shown.step * shown.step for row in standings.rows}
    return Standings(standings.as_of_ms, standings.paused, rank(rounded, rounded))


def day_of(now_ms: int) -> int:
    """The contest's calendar day as days since the epoch."""
    return (now_ms + AHEAD_MS) // DAY_MS


def day_words(day: int) -> str:
    """`8月3日`, of a day since the epoch."""
    at = moment(day * DAY_MS)
    return f"{at.month}月{at.day}日"


def midnight_after(now_ms: int) -> int:
    """The end of the contest's calendar day, in ms since the epoch."""
    return (day_of(now_ms) + 1) * DAY_MS - AHEAD_MS


def decided_through(rules: Rules, now_ms: int) -> int | None:
    """Up to when decisions about votes show in what the public sees: the last midnight while the
    vote is open, so that nobody who sells votes can try out what is noticed; None, all of them,
    once no vote can come any more."""
    if now_ms >= rules.closes_ms:
        return None
    return midnight_after(now_ms) - DAY_MS


def ranks(tally: Mapping[Name, float]) -> dict[Name, int]:
    """Everybody's place. Equal counts share one, and those after it are skipped (1, 2, 2, 4)."""
    ordered = sorted(tally.values(), reverse=True)
    first = {votes: place for place, votes in reversed(list(enumerate(ordered, start=1)))}
    return {name: first[votes] for name, votes in tally.items()}


def winning(tally: Mapping[Name, float], winners: int) -> set[Name]:
    """Who is inside the winning places; nobody wins without a vote."""
    return {name for name, place in ranks(tally).items() if place <= winners and tally[name] > 0}


def rank(tally: Mapping[int, int], numbers: Iterable[int]) -> tuple[Standing, ...]:
    """Order `numbers` by their votes in `tally`; within a shared place by number."""
    votes = {number: tally.get(number, 0) for number in numbers}
    rows = (Standing(place, number, votes[number]) for number, place in ranks(votes).items())
    return tuple(sorted(rows, key=lambda row: (row.rank, row.number)))


def neighbours(rows: Sequence[Standing], standing: Standing, winners: int) -> Neighbours:
    above = [row.votes for row in rows if row.votes > standing.votes]
    below = [row.votes for row in rows if row.votes < standing.votes]
    best = [row for row in rows if row.rank <= winners and row.votes]
    last_in = best[-1].votes if len(best) >= winners else 1
    return Neighbours(
        above=min(above) - standing.votes if above else None,
        below=standing.votes - max(below) if below else None,
        to_win=0 if standing in best else last_in - standing.votes,
    )


#: An order is 16 bits: the high byte names a shuffle (one an hour), the low byte where it starts.
ORDERS = 1 << 16


def order_at(now_ms: int) -> int:
    """The order for a page rendered now: a new start every 4 seconds, a new shuffle every hour.

    97 is odd, so its multiples run through all 256 starts, and each is far from the one before.
    """
    seconds = now_ms // 1000
    return (seconds // 3600 % 256) << 8 | seconds // 4 * 97 % 256


def shuffled(entries: Sequence[Entry], order: int) -> list[Entry]:
    """The default order of the gallery: the same for everybody who carries the same `order`.

    The 256 starts of one shuffle are spread evenly, so within the hour each entry comes first
    equally often, and the next hour gives it other neighbours.
    """
    shuffle, start = order >> 8, order & 255
    mixed = sorted(entries, key=lambda e: e.number)
    random.Random(shuffle).shuffle(mixed)  # noqa: S311 fairness needs no secret
    first = len(mixed) * start // 256
    return mixed[first:] + mixed[:first]

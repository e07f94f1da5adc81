"""Runs of scrutiny made by hand, one case of every pattern, and the ledger they speak about.

The votes are written into the store's ledger directly, because a test can't wait for a week to
pass. What is drawn of them is worked out from them; the sentences are written by hand.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import polars as pl

from voting.case import Case, Effect, Evidence, Finding, Pattern, Run, Sign, effect
from voting.contest import Ballot, Identity, Signals
from voting.scrutiny.sheets import Names, Pen
from voting.scrutiny.votes import Votes, of_frame
from voting.sheet import Sheet
from voting.store import Store, keys
from voting.store.keys import shard_of
from voting.store.ledger import pack, vote_id

HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * HOUR_MS
#: How many honest votes each of the twelve entries has.
HONEST: Final = (402, 371, 355, 330, 301, 288, 262, 247, 204, 216, 231, 172)
#: So many in a thousand honest votes fall into each of Shanghai's hours.
RHYTHM: Final = (
    12, 6, 3, 2, 2, 4, 12, 30, 42, 44, 46, 50, 66, 58, 44, 42, 44, 50, 58, 74, 92, 98, 76, 45,
)  # fmt: skip


@dataclass(frozen=True)
class Cast:
    """One vote of the made-up ledger; `case` is the case that it belongs to, or ''."""

    at_ms: int
    entry: int
    voter: bytes
    signals: Signals
    case: str = ""


@dataclass(frozen=True)
class World:
    """A ledger, and a run that has looked at it."""

    run: Run
    casts: tuple[Cast, ...]
    vote_ids: Mapping[str, Sequence[str]]
    sheets: Mapping[str, Sheet]


@dataclass
class Maker:
    """Makes votes; `now_ms` is the end of them all."""

    now_ms: int
    winners: int = 10
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    casts: list[Cast] = field(default_factory=list)
    voters: int = 0

    def bits(self, size: int) -> bytes:
        return self.dice.randbytes(size)

    def voter(self) -> bytes:
        self.voters += 1
        return self.voters.to_bytes(4, "big") + self.bits(4)

    def night(self, days_ago: int, hour: int) -> int:
        """An hour of Shanghai's clock, some days ago."""
        midnight = (self.now_ms + 8 * HOUR_MS) // DAY_MS * DAY_MS - 8 * HOUR_MS
        return midnight - days_ago * DAY_MS + hour * HOUR_MS

    def honest(self, votes: Sequence[int] = HONEST, days: int = 6) -> None:
        networks, people = [self.bits(6) for _ in range(160)], list[bytes]()
        for entry, count in enumerate(votes, 1):
            for _ in range(count):
                at = self.night(self.dice.randrange(1, days + 1), 0)
                at += self.dice.choices(range(24), RHYTHM)[0] * HOUR_MS
                at += self.dice.randrange(HOUR_MS)
                who = Identity.OPENID if self.dice.random() < 0.7 else Identity.DEVICE
                share = self.bits(4) if self.dice.random() < 0.3 else bytes(4)
                dwell = int(1000 * self.dice.lognormvariate(3.0, 0.8))
                watched = int(dwell / 1300) if self.dice.random() < 0.7 else 0
                signals = Signals(who, self.bits(6), self.dice.choice(networks), self.bits(4),
                                  share, dwell, watched)  # fmt: skip
                again = people and self.dice.random() < 0.35
                voter = self.dice.choice(people) if again else self.voter()
                people.append(voter)
                self.casts.append(Cast(at, entry, voter, signals))

    def group(
        self, case: str, entries: Sequence[int], count: int, start_ms: int, gap_s: float,
        wobble: float, *, nets: int = 1, addresses: int = 1, agents: int = 3,
        dwell_s: tuple[float, float] = (2.4, 0.15), identity: Identity = Identity.DEVICE,
        share: bytes = bytes(4), phones: int = 0,
    ) -> None:  # fmt: skip
        """`count` votes from `start_ms` on, `gap_s` apart give or take `wobble` of it; from so
        many phones in turn, or each from a voter of its own."""
        networks = [self.bits(6) for _ in range(nets)]
        sources = [(self.dice.choice(networks), self.bits(6)) for _ in range(addresses)]
        browsers = [self.bits(4) for _ in range(agents)]
        people = [self.voter() for _ in range(phones)]
        at = float(start_ms)
        for n in range(count):
            at += 1000 * gap_s * max(0.02, self.dice.gauss(1, wobble))
            net, address = sources[n % addresses]
            dwell = int(1000 * self.dice.lognormvariate(np.log(dwell_s[0]), dwell_s[1]))
            signals = Signals(identity, address, net, self.dice.choice(browsers), share, dwell, 0)
            voter = people[n % phones] if phones else self.voter()
            self.casts.append(Cast(int(at), entries[n % len(entries)], voter, signals, case))


def a_world(now_ms: int, winners: int = 10) -> World:
    """Twelve entries, nine cases: seven groups of votes, an excess, a surge. In the order of their
    effect on the first `winners` places."""
    maker = Maker(now_ms, winners)
    maker.honest()
    night, share = maker.night, maker.bits(4)
    maker.group("c-address", [9], 168, night(2, 2), 41.0, 0.04, agents=1)
    maker.group("c-network", [10], 96, night(4, 13), 380.0, 0.6, addresses=60, agents=14,
                dwell_s=(3.1, 0.2))  # fmt: skip
    maker.group("c-phones", [7], 120, night(3, 20), 95.0, 0.3, addresses=6, agents=6, phones=40)
    maker.group("c-crowd", [4], 80, night(1, 10), 14.0, 0.2, nets=9, addresses=70, agents=60,
                dwell_s=(1.1, 0.3))  # fmt: skip
    maker.group("c-lockstep", [5, 8, 3], 90, night(5, 21), 210.0, 0.8, nets=40, addresses=44,
                agents=30, phones=30, identity=Identity.OPENID)  # fmt: skip
    maker.group("c-marker", [2], 54, night(3, 9), 620.0, 0.7, nets=50, addresses=54, agents=40,
                share=share, dwell_s=(5.5, 0.6))  # fmt: skip
    maker.group("c-relays", [6], 66, night(2, 15), 900.0, 0.9, nets=66, addresses=66, agents=8,
                dwell_s=(2.0, 0.4))  # fmt: skip
    maker.group("", [12], 47, now_ms - HOUR_MS, 70.0, 0.5, nets=30, addresses=47, agents=40,
                dwell_s=(22.0, 0.7), identity=Identity.OPENID)  # fmt: skip
    casts = tuple(sorted(maker.casts, key=lambda one: one.at_ms))
    cases = sorted((_case(maker, casts, *about) for about in ABOUT), key=_weight)
    run = Run(now_ms - 3 * MINUTE_MS, len(casts), 2.4, tuple(cases))
    ids = dict(_ids(casts))
    return World(run, casts, _by_case(casts, ids), dict(_sheets(run, casts)))


#: id, pattern, evidence (sign, observed, expected, log10 p, sentence), explanation
ABOUT: Final = (
    ("c-address", Pattern.ONE_ADDRESS, (
        (Sign.ORIGIN, 168, 1.2, -240.0,
         "同一个地址投了 168 票，都投给 009 号；按其他作品的情况，一个地址平均 1.2 票。"),
        (Sign.RHYTHM, 1.7, 61.0, -86.0,
         "相邻两票大约隔 41 秒，间隔的波动只有 1.7 秒；这件作品其他的票波动约 61 秒。"),
        (Sign.BEHAVIOUR, 2.4, 20.0, -41.0,
         "停留时间的中位数是 2.4 秒，而且几乎一样长；其他的票是 20 秒。"),
    ), "最像的正当情形：一个学校或单位的人共用一个出口地址，在活动里一起投票。"
       "但共用出口的人不会整夜每隔 41 秒来一个，停留也有长有短。"),
    ("c-network", Pattern.LONE_NETWORK, (
        (Sign.ORIGIN, 96, 8.1, -62.0,
         "这个网络的 96 票全部投给 010 号；同样大小的网络平均会投给 11 件作品，"
         "投给同一件的约 8 票。"),
        (Sign.BEHAVIOUR, 3.1, 20.0, -28.0, "停留时间的中位数是 3.1 秒；其他的票是 20 秒。"),
    ), "最像的正当情形：作者所在单位的内部网络，同事只为自己人投票。"
       "那样通常会有人看完视频，也会有人顺手投给别的作品。"),
    ("c-phones", Pattern.PHONE_ROOM, (
        (Sign.TOGETHER, 40, 2.0, -71.0,
         "40 个投票人三次在一个多小时里依次出现，每次顺序相同；偶然如此的预计不到 2 个。"),
        (Sign.CLIENT, 6, 31.0, -22.0, "120 票只有 6 种浏览器；同样多的票平均有 31 种。"),
        (Sign.RHYTHM, 28.0, 88.0, -9.4, "相邻两票的间隔波动约 28 秒；其他的票约 88 秒。"),
    ), "最像的正当情形：一个班级或社团约好晚上一起投票。约好的人不会每次按同样的顺序来。"),
    ("c-crowd", Pattern.CROWD, (
        (Sign.RHYTHM, 80, 6.4, -55.0,
         "19 分钟里来了 80 票；这件作品在这个时段平常约 6 票。"),
        (Sign.BEHAVIOUR, 1.1, 20.0, -48.0, "停留时间的中位数是 1.1 秒；其他的票是 20 秒。"),
        (Sign.IDENTITY, 0.0, 0.7, -33.0,
         "没有一票来自微信账号；这件作品其他的票里 70% 是微信账号。"),
    ), "最像的正当情形：直播间或大会现场同时扫码。现场的人多半在微信里打开，而且停留不止一秒。"),
    ("c-lockstep", Pattern.LOCKSTEP, (
        (Sign.TOGETHER, 30, 0.4, -58.0,
         "30 个账号在同样的半小时里先后投给 005、008、003 三件互不相干的作品；偶然预计不到 1 个。"),
        (Sign.BEHAVIOUR, 2.4, 20.0, -17.0, "停留时间的中位数是 2.4 秒；其他的票是 20 秒。"),
    ), "最像的正当情形：一群朋友约着看作品，看一件投一件。朋友之间停留时间会有长有短。"),
    ("c-marker", Pattern.MARKER, (
        (Sign.CLIENT, 54, 1.9, -49.0,
         "54 票带着同一个分享链接，这个链接没有给别的作品带来一票；这样的链接平均 1.9 票。"),
        (Sign.ORIGIN, 50, 38.0, -5.1, "这 54 票来自 50 个网络，同样多的票平均来自 38 个。"),
    ), "最像的正当情形：作者把链接发进了一个很大的群。真实的群里，多数人会从微信打开。"),
    ("c-relays", Pattern.RELAYS, (
        (Sign.ORIGIN, 66, 44.0, -12.0,
         "66 票来自 66 个网络，这些网络在其他时候没有一票；同样多的票平均来自 44 个网络。"),
        (Sign.CLIENT, 8, 27.0, -19.0, "66 票只有 8 种浏览器；同样多的票平均有 27 种。"),
    ), "最像的正当情形：外地的亲友用手机流量投票。亲友用的手机不会只有 8 种。"),
    ("c-excess", Pattern.EXCESS, (
        (Sign.EXCESS, 210, 141.0, -14.0,
         "不带链接、没看视频、只投一票的设备票有 210 张；按其他作品的比例应当约 141 张。"),
        (Sign.BEHAVIOUR, 0.51, 0.30, -6.2, "51% 的票没有看视频；其他作品是 30%。"),
    ), "最像的正当情形：这件作品在站外被推荐过，来的人看过介绍就投。"),
    ("c-surge", Pattern.SURGE, (
        (Sign.EXCESS, 47, 9.0, -11.0, "最近一小时 47 票，平常这个时段约 9 票。"),
    ), "最像的正当情形：被媒体转发，或者作者在群里请大家投票。"),
)  # fmt: skip
#: Of those of which only a number is known: the entry, the votes, how many of them are expected,
#: the bounds of the excess.
ONLY_NUMBERS: Final = {
    "c-excess": (1, 210, 141.0, 48.0, 92.0, Finding.EXCESS),
    "c-surge": (12, 47, 9.0, 26.0, 45.0, Finding.SURGE),
}


def _case(
    maker: Maker, casts: Sequence[Cast], name: str, pattern: Pattern,
    signs: Sequence[tuple[Sign, float, float, float, str]], explanation: str,
) -> Case:  # fmt: skip
    evidence = tuple(Evidence(*sign) for sign in signs)
    if name in ONLY_NUMBERS:
        entry, votes, expected, low, high, finding = ONLY_NUMBERS[name]
        end = maker.night(0, 0) if finding is Finding.EXCESS else maker.now_ms
        start = maker.night(6, 0) if finding is Finding.EXCESS else maker.now_ms - HOUR_MS
        return Case(name, pattern, finding, ((str(entry), votes),), votes, expected, low, high,
                    0.6, start, end, evidence, explanation)  # fmt: skip
    mine = [one for one in casts if one.case == name]
    counts = Counter(one.entry for one in mine)
    entries = tuple((str(entry), votes) for entry, votes in counts.most_common())
    expected = round(len(mine) * 0.04, 1)
    return Case(
        name, pattern, Finding.VOTES, entries, len(mine), expected, len(mine) - expected - 6,
        float(len(mine)), 0.97, mine[0].at_ms, mine[-1].at_ms, evidence, explanation,
        effect_of(Counter(one.entry for one in casts), entries, maker.winners),
    )  # fmt: skip


def effect_of(
    tally: Counter[int], entries: Sequence[tuple[str, int]], winners: int
) -> Effect:
    """What becomes of the winning places without these votes."""
    before = {str(number): votes for number, votes in tally.items()}
    less = Counter(dict(entries))
    after = {name: votes - less[name] for name, votes in before.items()}
    return effect(before, after, winners, [name for name, _ in entries])


def _weight(case: Case) -> tuple[bool, int, int]:
    moved = sum(abs(after - before) for _, before, after in case.effect.places)
    return not case.effect.changes_winners, -moved, -case.votes


def _ids(casts: Sequence[Cast]) -> Iterator[tuple[int, str]]:
    """Place in `casts` → id, as one shard would give them."""
    last, n = 0, 0
    for place, one in enumerate(casts):
        last, n = one.at_ms, n + 1 if one.at_ms == last else 0
        yield place, vote_id(0, f"{last}-{n}".encode())


def _by_case(casts: Sequence[Cast], ids: Mapping[int, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place, one in enumerate(casts):
        if one.case:
            found.setdefault(one.case, []).append(ids[place])
    return found


def votes_of(casts: Sequence[Cast]) -> tuple[Votes, Names]:
    """The same ledger in the columns that scrutiny reads, and what its codes stand for."""
    signals = [one.signals for one in casts]
    texts = {
        "ip": [_hex(one.address) for one in signals],
        "net": [_hex(one.network) for one in signals],
        "ua": [_hex(one.agent) for one in signals],
        "share": [_hex(one.share) for one in signals],
    }
    frame = pl.DataFrame(
        texts
        | {
            "vote_id": [name for _, name in _ids(casts)],
            "ts_ms": [one.at_ms for one in casts],
            "entry_id": [str(one.entry) for one in casts],
            "voter": [one.voter.hex() for one in casts],
            "identity": [one.identity.name.lower() for one in signals],
            "dwell_ms": [one.dwell_ms for one in signals],
            "watched_s": [float(one.watched_s) for one in signals],
        }
    )
    return of_frame(frame), Names(**{name: _namer(values) for name, values in texts.items()})


def _hex(pseudonym: bytes) -> str:
    return pseudonym.hex() if any(pseudonym) else ""


def _namer(values: Sequence[str]) -> Callable[[int], str]:
    """Codes count names in the order in which they first come."""
    return list(dict.fromkeys(value for value in values if value)).__getitem__


def _sheets(run: Run, casts: Sequence[Cast]) -> Iterator[tuple[str, Sheet]]:
    votes, names = votes_of(casts)
    pen = Pen(votes, names, np.array([bool(one.case) for one in casts]))
    for case in run.cases:
        rows = np.array([n for n, one in enumerate(casts) if one.case == case.id], np.int64)
        codes = [votes.entries.index(entry) for entry, _ in case.entries]
        yield case.id, pen.draw(rows, codes)


def load(store: Store, world: World) -> World:
    """Write the ledger, its tally and the run into a store with these entries; gives the world
    with the ids that the votes have there."""
    ids: dict[int, str] = {}
    newest: dict[int, tuple[int, int]] = {}
    pipeline = store.law.pipeline(transaction=False)
    for place, one in enumerate(world.casts):
        shard = shard_of(one.voter, store.ledger.shards)
        last_ms, last_n = newest.get(shard, (0, 0))
        newest[shard] = (one.at_ms, last_n + 1 if one.at_ms == last_ms else 0)
        stream_id = "{}-{}".format(*newest[shard])
        ids[place] = vote_id(shard, stream_id.encode())
        row = pack(Ballot(bytes(8), one.voter, one.entry, one.at_ms), one.signals)
        pipeline.xadd(keys.LEDGER(shard=shard), {"v": row}, id=stream_id)
        pipeline.hincrby(keys.TALLY(shard=shard), one.entry, 1)
    pipeline.execute()
    loaded = replace(world, vote_ids=_by_case(world.casts, ids))
    store.cases.put(loaded.run, loaded.vote_ids, loaded.sheets)
    return loaded

"""The rules in force: numbered versions in the store, and a copy in each voter's shard.

contest.toml makes version 1; a different file later needs `rules apply` with a reason.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from enum import StrEnum

from voting.contest import SHANGHAI, Counts, Law, Period, Rules, Tie
from voting.store import keys
from voting.store.client import Client, reachable
from voting.store.decisions import Decisions, Kind


class WrongStore(Exception):  # noqa: N818 the plain word
    """The store belongs to another contest, or to other rules; the text is one sentence."""


class LawRefused(Exception):  # noqa: N818 the plain word
    """This law can't become the next version; the text is one sentence."""


class Pauser(StrEnum):
    """Who paused the vote."""

    ORGANIZER = "organizer"
    DISK_GUARD = "disk"


class RulesInForce:
    def __init__(self, client: Client, shards: int, decisions: Decisions) -> None:
        self.client, self.shards, self.decisions = client, shards, decisions

    def open(self, contest_id: str, law: Law, now_ms: int) -> None:
        """Make this store the contest's, or make sure that it is: same id, shards and law."""
        with reachable(), self._changing():
            for field, value in (("id", contest_id), ("shards", self.shards)):
                self.client.hsetnx(keys.CONTEST(), field, value)
            self.check(contest_id)
            versions = self.versions()
            if not versions:
                self._put(law.rules(1, "首次启动时按配置文件制定", now_ms))
            elif versions[-1].source != law.source:
                raise WrongStore(
                    f"配置文件里的计票规则（[voting]、[result]）和正在执行的规则第 "
                    f"{versions[-1].version} 版不一样。要改规则，请写明理由："
                    '.venv/bin/flask --app app rules apply --reason "理由"；不想改，请把配置改回去'
                )

    def check(self, contest_id: str) -> None:
        """Raises WrongStore unless the store holds this contest, in as many shards."""
        for field, value in (("id", contest_id), ("shards", str(self.shards))):
            with reachable():
                found = self.client.hget(keys.CONTEST(), field) or b""
            if found.decode() != value:
                raise WrongStore(_other_contest(field, found.decode(), value))

    def apply(self, law: Law, reason: str, now_ms: int) -> Rules:
        """Make `law` the next version, in force as soon as this returns; or raise LawRefused.

        Relative words go on meaning the first start.
        """
        with reachable(), self._changing():
            versions = self.versions()
            self._may_follow(versions[-1], law)
            rules = law.rules(len(versions) + 1, reason, versions[0].since_ms)
            return self._put(replace(rules, since_ms=now_ms))

    def _may_follow(self, current: Rules, law: Law) -> None:
        if law.source == current.source:
            raise LawRefused(
                f"配置文件里的计票规则和正在执行的规则第 {current.version} 版一样，没有要改的"
            )
        # voting.lua starts a voter's record anew when the period's number is another.
        if law.period is not current.period and self._voted():
            raise LawRefused(
                "已经有人投过票，计票周期（period）不能再改：一改，每个人的票数都会从头算起"
            )

    def _voted(self) -> bool:
        return any(self.client.exists(keys.TALLY(shard=shard)) for shard in range(self.shards))

    def versions(self) -> list[Rules]:
        """All versions, oldest first."""
        with reachable():
            return [read_rules(text) for text in self.client.lrange(keys.VERSIONS(), 0, -1)]

    def pause(self, reason: str, by: Pauser = Pauser.ORGANIZER) -> None:
        """Stop the vote. An organizer's pause takes over the disk guard's, not the other way."""
        with reachable(), self._changing():
            found = self.paused_by()
            if found is None or (found, by) == (Pauser.DISK_GUARD, Pauser.ORGANIZER):
                self._set_paused(by.value, Kind.PAUSE, reason)

    def resume(self, reason: str, by: Pauser = Pauser.ORGANIZER) -> None:
        """Go on; an organizer may end any pause, the disk guard only its own."""
        with reachable(), self._changing():
            found = self.paused_by()
            if found is not None and by in (found, Pauser.ORGANIZER):
                self._set_paused("", Kind.RESUME, reason)

    def paused_by(self) -> Pauser | None:
        """Who has paused the vote; None while it isn't."""
        with reachable():
            value = self.client.hget(keys.CONTEST(), "paused")
        return Pauser(value.decode()) if value else None

    def _changing(self) -> Client:
        return self.client.lock(keys.ENTRIES_LOCK(), timeout=30, blocking_timeout=20)

    def _set_paused(self, value: str, kind: Kind, reason: str) -> None:
        for shard in range(self.shards):
            self.client.hset(keys.RULES(shard=shard), "paused", value)
        self.client.hset(keys.CONTEST(), "paused", value)
        self.decisions.append(kind, 0, reason)

    def _put(self, rules: Rules) -> Rules:
        fields = {
            "version": rules.version,
            "opens_ms": rules.opens_ms,
            "closes_ms": rules.closes_ms,
            "votes_per_voter": rules.votes_per_voter,
            "votes_per_entry": rules.votes_per_entry,
            "period": rules.period.value,
            "utc_offset_s": int(SHANGHAI.utcoffset(None).total_seconds()),
        }
        for shard in range(self.shards):
            self.client.hset(keys.RULES(shard=shard), mapping=fields)
        self.client.rpush(keys.VERSIONS(), json.dumps(asdict(rules), ensure_ascii=False))
        self.client.hincrby(keys.CONTEST(), "catalogue", 1)
        self.decisions.append(Kind.RULES, rules.version, rules.reason)
        return rules


def read_rules(text: bytes | str) -> Rules:
    fields = json.loads(text)
    fields |= {
        "period": Period(fields["period"]),
        "tie": Tie(fields["tie"]),
        "counts": Counts(fields["counts"]),
    }
    return Rules(**fields)


def _other_contest(field: str, found: str, wanted: str) -> str:
    if not found:
        return "数据库里还没有比赛，DATA_DIR、REDIS_URL 对吗？"
    if field == "id":
        return (
            f"数据库里是另一场比赛“{found}”，配置文件写的是“{wanted}”。"
            "请换一个 DATA_DIR（或 REDIS_URL），或把 [contest] id 改回去"
        )
    return f"比赛建立时定的是 {found} 个分片，现在 SHARDS={wanted}；建立后不能改，请改回 {found}"

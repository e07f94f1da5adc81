"""The rules in force: numbered versions in the store, and a copy in each voter's shard.

contest.toml makes version 1; a different file later needs `rules apply` with a reason.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum

from voting.contest import SHANGHAI, Counts, Law, Period, Rules, Tie
from voting.store import keys
from voting.store.client import Client, reachable
from voting.store.decisions import Decisions, Kind


class WrongStore(Exception):  # noqa: N818 the plain word
    """The store belongs to another contest, or to other rules; the text is one sentence."""


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
            for field, value in (("id", contest_id), ("shards", str(self.shards))):
                self.client.hsetnx(keys.CONTEST(), field, value)
                found = self.client.hget(keys.CONTEST(), field).decode()
                if found != value:
                    raise WrongStore(_other_contest(field, found, value))
            versions = self.versions()
            if not versions:
                self._put(law.rules(1, "首次启动时按配置文件制定", now_ms))
            elif versions[-1].source != law.source:
                raise WrongStore(
                    f"配置文件里的计票规则（[voting]、[result]）和正在执行的规则第 "
                    f"{versions[-1].version} 版不一样。要改规则，请写明理由："
                    '.venv/bin/flask --app app rules apply --reason "理由"；不想改，请把配置改回去'
                )

    def apply(self, law: Law, reason: str, now_ms: int) -> Rules:
        """Make `law` the next version, in force as soon as this returns."""
        with reachable(), self._changing():
            version = len(self.versions()) + 1
            return self._put(law.rules(version, reason, now_ms))

    def versions(self) -> list[Rules]:
        """All versions, oldest first."""
        with reachable():
            return [read_rules(text) for text in self.client.lrange(keys.VERSIONS(), 0, -1)]

    def pause(self, reason: str, by: Pauser = Pauser.ORGANIZER) -> None:
        """Stop the vote. An organizer's pause takes over the disk guard's, not the other way."""
        with reachable(), self._changing():
            found = self._paused_by()
            if found is None or (found, by) == (Pauser.DISK_GUARD, Pauser.ORGANIZER):
                self._set_paused(by.value, Kind.PAUSE, reason)

    def resume(self, reason: str, by: Pauser = Pauser.ORGANIZER) -> None:
        """Go on; an organizer may end any pause, the disk guard only its own."""
        with reachable(), self._changing():
            found = self._paused_by()
            if found is not None and by in (found, Pauser.ORGANIZER):
                self._set_paused("", Kind.RESUME, reason)

    def _changing(self) -> Client:
        return self.client.lock(keys.ENTRIES_LOCK(), timeout=30, blocking_timeout=20)

    def _paused_by(self) -> Pauser | None:
        value = self.client.hget(keys.CONTEST(), "paused")
        return Pauser(value.decode()) if value else None

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
    if field == "id":
        return (
            f"数据库里是另一场比赛“{found}”，配置文件写的是“{wanted}”。"
            "请换一个 DATA_DIR（或 REDIS_URL），或把 [contest] id 改回去"
        )
    return f"比赛建立时定的是 {found} 个分片，现在 SHARDS={wanted}；建立后不能改，请改回 {found}"

"""The key table: every key's name, type, lifetime and meaning, once. docs/redis.md is held to it.

Keys of a shard share the hash tag `{sNN}`, so that a vote stays one atomic call on a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A key's pattern (its parts in str.format's form), Redis type, lifetime and meaning."""

    pattern: str
    type: str
    lifetime: str
    meaning: str

    def __call__(self, **parts: int | str) -> str:
        return self.pattern.format(**parts)


# In the law store, per shard: what a vote touches.
RULES = Key(
    "{{s{shard:02d}}}:rules",
    "hash",
    "the contest",
    "the rules in force, the pause flag, and a field for each votable entry's number",
)
SEEN = Key(
    "{{s{shard:02d}}}:seen:{half_hour}:{bucket:03x}",
    "hash",
    "an hour from the start of its half hour",
    "ballot id → vote id, for the half hour the ballot was issued in and 12 bits of its id",
)
VOTERS = Key(
    "{{s{shard:02d}}}:voters",
    "hash",
    "the contest",
    "voter → the period of their last vote and the entries they voted for in it",
)
ADOPTED = Key(
    "{{s{shard:02d}}}:adopted",
    "hash",
    "the contest",
    "account and device → the device's period, and how many of its votes count for the account",
)
TALLY = Key("{{s{shard:02d}}}:tally", "hash", "the contest", "entry → votes; derived from ledger")
LEDGER = Key("{{s{shard:02d}}}:ledger", "stream", "the contest", "one row a vote; the truth")

# In the law store, once.
CONTEST = Key(
    "contest",
    "hash",
    "the contest",
    "its id, number of shards, catalogue version, pause flag, stage, number of results, deductions",
)
VERSIONS = Key("rules:versions", "list", "the contest", "every version of the rules, oldest first")
ENTRIES = Key("entries", "hash", "the contest", "number → entry, all states")
ENTRIES_LOCK = Key(
    "entries:lock", "string", "30 s", "held during every change but those of accounts and appeals"
)
OPERATORS_LOG = Key(
    "operators:log",
    "stream",
    "the contest",
    "who did what, when and why: numbered, chained and sealed rows; the decisions among them",
)
NETWORKS = Key("networks", "hash", "the contest", "CIDR → a network declared in advance")
NETWORKS_CHANGE = Key(
    "networks:change",
    "string",
    "until the change is whole",
    "what is being done to a declared network: finished or forgotten as the log says",
)
ACCOUNTS = Key("accounts", "hash", "the contest", "name → an organizer's account")
ACCOUNTS_LOCK = Key("accounts:lock", "string", "30 s", "held while somebody changes accounts")
LOGGED_IN = Key("accounts:logged-in", "hash", "the contest", "name → when they last logged in")
SESSION = Key(
    "session:{token}", "hash", "30 min idle", "who is logged in; named by the token's SHA-256"
)
JOBS = Key("jobs", "hash", "7 days", "long work: asked for, how far it is, its beat, its stop")
JOBS_LOCK = Key("jobs:lock", "string", "10 s", "held while somebody asks for a job")
RESULTS = Key("results", "list", "the contest", "every published result, oldest first")
DRAFT = Key(
    "results:draft",
    "string",
    "until it is published",
    "the result as computed last, and the catalogue it was made from",
)
CASES = Key(
    "cases",
    "hash",
    "the contest",
    "what the newest run of scrutiny found: the run, each case's packed vote ids and its sheet",
)
BATCH = Key(
    "batch:{batch}",
    "hash",
    "the contest",
    "a frozen set of votes about which people decide: what it is, and its votes, packed",
)
CASES_KEPT = Key(
    "cases:kept",
    "hash",
    "the contest",
    "batch → the case it was made from and its sheet, as they were when somebody first decided",
)
APPEALS = Key("appeals", "hash", "the contest", "number → an appeal, and what was answered")
APPEALS_WAITING = Key(
    "appeals:waiting", "set", "the contest", "numbers of the appeals that wait for an answer"
)
APPEALS_PUBLIC = Key(
    "appeals:public", "set", "the contest", "numbers of the appeals whose answers are public"
)
APPEAL_TICKETS = Key(
    "appeals:tickets", "hash", "the contest", "a ticket's SHA-256 → its appeal's number"
)
APPEALS_LOCK = Key(
    "appeals:lock", "string", "30 s", "held while somebody appeals, or is being answered"
)
REFUSED = Key(
    "refused:{day}", "hash", "the contest", "reason → how many votes were refused for it that day"
)

# In the throttle store.
STANDINGS = Key(
    "{contest}:standings",
    "string",
    "1 min",
    "the snapshot of the standings that all read",
)
STANDINGS_LOCK = Key(
    "{contest}:standings:lock", "string", "1 s", "held by whoever recomputes the snapshot"
)
FIGURES = Key(
    "{contest}:figures",
    "hash",
    "1 day",
    "what the console's charts draw, derived from the ledger by the worker; and its last beat",
)
CLAIM = Key(
    "{contest}:claim:{number}", "string", "5 min", "which reviewer is looking at a submission"
)
TICKET = Key(
    "{contest}:wechat:{app}:ticket",
    "string",
    "2 h at most",
    "what pages are signed with for WeChat's JS-SDK; gone when WeChat says that it ends",
)
TOKEN = Key(
    "{contest}:wechat:{app}:token",
    "string",
    "2 h at most",
    "the official account's access token; gone when WeChat says that it ends",
)
TICKET_LOCK = Key(
    "{contest}:wechat:{app}:lock", "string", "30 s", "set by whoever tried to renew the two last"
)
CAME_BACK = Key(
    "{contest}:came-back:{journey}",
    "string",
    "1 min",
    "the pass of somebody who has just signed in, for a phone that comes back twice",
)
# Of one slot, because the gate asks for all of them at once.
GATE = Key(
    "{{{contest}}}:gate:{place}",
    "hash",
    "65 min",
    "how many passes were made from a network, or by one kind of browser there, by five minutes",
)
GRANTED = Key(
    "{{{contest}}}:granted:{half_hour}:{bucket:03x}",
    "set",
    "an hour from the start of its half hour",
    "views that the gate let in, for the half hour they are of and 12 bits of their id",
)
KNOWN = Key(
    "{{{contest}}}:known:{how}:{network}:{week}",
    "string",
    "3 weeks",
    "how many different well-known voters cast a vote from a network that week; hyperloglog",
)
LIMITS = Key(
    "LIMITS:{contest}*", "string", "the limit's window", "counters of sign-ins, log-ins, appeals"
)

TABLE = tuple(value for value in list(globals().values()) if isinstance(value, Key))

HALF_HOUR_MS = 30 * 60 * 1000
BUCKETS = 4096


def shard_of(voter: bytes, shards: int) -> int:
    return int.from_bytes(voter[:4], "big") % shards


def seen_key(shard: int, ballot_id: bytes, issued_ms: int) -> str:
    """Small buckets, because a hash of a few hundred fields takes a third of the memory."""
    bucket = int.from_bytes(ballot_id[:2], "big") % BUCKETS
    return SEEN(shard=shard, half_hour=issued_ms // HALF_HOUR_MS, bucket=bucket)

"""Everything that speaks Redis. The rest of the house sees plain values, and StoreDown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voting.store.accounts import Accounts
from voting.store.appeals import Appeals
from voting.store.ballots import Ballots
from voting.store.batches import Batches
from voting.store.cases import Cases
from voting.store.client import Client, open_client
from voting.store.entries import Entries
from voting.store.figures import KeptFigures
from voting.store.gate import Gate
from voting.store.jobs import Jobs
from voting.store.ledger import Ledger
from voting.store.log import Log
from voting.store.mending import Mending
from voting.store.networks import Networks
from voting.store.refusals import Refusals
from voting.store.results import Results
from voting.store.returns import Returns
from voting.store.rules import RulesInForce
from voting.store.standings import Boards
from voting.store.tickets import Tickets
from voting.store.witness import Witness


@dataclass(frozen=True)
class Store:
    """The law store and the throttle store, by what is done with them."""

    law: Client
    throttle: Client
    appeals: Appeals
    ballots: Ballots
    batches: Batches
    boards: Boards
    cases: Cases
    accounts: Accounts
    entries: Entries
    figures: KeptFigures
    gate: Gate
    jobs: Jobs
    ledger: Ledger
    log: Log
    mending: Mending
    networks: Networks
    refusals: Refusals
    results: Results
    returns: Returns
    rules: RulesInForce
    tickets: Tickets


def open_store(
    contest_id: str,
    law_url: str,
    throttle_url: str,
    shards: int,
    kept: Path,
    *,
    accept_unknown: bool,
    sealing: bytes,
) -> Store:
    """Name both stores; nothing is sent yet. `kept` is the folder of the boards' stamped files;
    `accept_unknown` lets votes into a law store that doesn't say whether it is durable; `sealing`
    is the secret that seals the operators' log.

    A vote may be repeated once: it is idempotent, and a restarted store has closed every
    connection. The throttle store gets no second chance, because it is only politeness.
    """
    law = open_client(law_url, timeout_s=5.0, retries=1)
    throttle = open_client(throttle_url, timeout_s=0.5, retries=0)
    log = Log(law, sealing, Witness(kept / "log-head.json"))
    entries = Entries(law, shards, log)
    ledger = Ledger(law, shards)
    rules = RulesInForce(law, shards, log)
    accounts, cases = Accounts(law, log), Cases(law)
    batches = Batches(law, ledger, accounts, rules, log)
    networks = Networks(law, rules, log)
    mending = Mending(entries, rules, networks, batches, log)
    results = Results(law, rules, ledger, cases, batches, mending)
    return Store(
        law=law,
        throttle=throttle,
        appeals=Appeals(law, log),
        ballots=Ballots(law, contest_id, shards, accept_unknown=accept_unknown),
        boards=Boards(law, throttle, contest_id, ledger, entries, rules, results, networks, kept),
        batches=batches,
        cases=cases,
        accounts=accounts,
        entries=entries,
        figures=KeptFigures(throttle, contest_id, ledger, log),
        gate=Gate(throttle, contest_id),
        jobs=Jobs(law),
        ledger=ledger,
        log=log,
        mending=mending,
        networks=networks,
        refusals=Refusals(law),
        results=results,
        returns=Returns(throttle, contest_id),
        rules=rules,
        tickets=Tickets(throttle, contest_id),
    )

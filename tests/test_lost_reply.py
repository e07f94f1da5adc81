"""An answer gets lost, at every step: the same request again never makes a second vote."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from casting import Contest, a_ballot, a_contest
from people import Town, Visitor

from voting.contest import Verdict
from voting.store.client import StoreDown
from voting.web.site import Site


def test_the_answer_to_me_is_lost(site: Site, alice: Visitor):
    alice.me(1)
    assert alice.vote(1).status_code == 201
    assert site.store.ledger.recount() == {1: 1}


def test_the_answer_to_passes_is_lost_with_its_cookie(town: Town, site: Site, alice: Visitor):
    view = alice.me(1)["view"]
    lost = town.visitor(alice.address)  # got the cookie and ballot that alice never saw
    other_ballot = lost.ask_pass(1, view).json["ballot"]
    ballot = alice.ask_pass(1, view).json["ballot"]
    assert ballot == other_ballot
    assert alice.cast(1, ballot).status_code == 201
    assert lost.cast(1, other_ballot).json == alice.cast(1, ballot).json
    assert site.store.ledger.recount() == {1: 1}


def test_the_answer_to_passes_is_lost_but_its_cookie_came(site: Site, alice: Visitor):
    view = alice.me(1)["view"]
    alice.ask_pass(1, view)
    ballot = alice.ask_pass(1, view).json["ballot"]
    assert alice.cast(1, ballot).status_code == 201
    assert site.store.ledger.recount() == {1: 1}


def test_the_answer_to_the_vote_is_lost(site: Site, alice: Visitor):
    ballot = alice.ballot(1)
    first = alice.cast(1, ballot).json
    assert alice.cast(1, ballot).json == first
    assert site.store.ledger.recount() == {1: 1}


def test_the_answer_to_the_vote_is_lost_and_the_page_is_loaded_again(site: Site, alice: Visitor):
    alice.vote(1)
    assert alice.me(1)["voted"] == [1]
    assert alice.vote(1).json["code"] == "already_voted"
    assert site.store.ledger.recount() == {1: 1}


def test_all_steps_again_from_the_first_view_count_once_even_where_two_votes_are_allowed(
    site: Site, alice: Visitor
):
    site.store.law.hset("{s00}:rules", "votes_per_entry", 3)
    view = alice.me(1)["view"]
    receipts = set()
    for _ in range(3):
        ballot = alice.ask_pass(1, view).json["ballot"]
        receipts.add(alice.cast(1, ballot).json["receipt"])
    assert len(receipts) == 1
    assert site.store.ledger.recount() == {1: 1}


def test_the_form_sent_twice_counts_once(town: Town, site: Site, alice: Visitor):
    page = alice.get("/e/1/vote").text
    fields = form_fields(page)
    first = alice.post("/e/1/vote", data=fields)
    again = alice.post("/e/1/vote", data=fields)
    assert (first.status_code, again.status_code) == (201, 201)
    assert site.store.ledger.recount() == {1: 1}


def form_fields(page: str) -> dict[str, str]:
    from html.parser import HTMLParser

    fields: dict[str, str] = {}

    class Inputs(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found = dict(attrs)
            if tag == "input" and found.get("name"):
                fields[found["name"]] = found.get("value", "")

    Inputs().feed(page)
    return fields


class Wire:
    """A wire to a store that, when told, swallows the answer to the next EVALSHA and breaks."""

    def __init__(self, store: Path, here: Path) -> None:
        self.store, self.swallow = store, 0
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(here))
        self.server.listen(64)
        self.url = f"unix://{here}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far:
            far.connect(str(self.store))
            while request := near.recv(1 << 16):
                far.sendall(request)
                reply = far.recv(1 << 16)
                if self.swallow and b"EVALSHA" in request and b"NOSCRIPT" not in reply:
                    self.swallow -= 1
                    return  # decided, written, and nobody hears of it
                near.sendall(reply)


@pytest.fixture
def wire(stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Wire:
    wire = Wire(stores / "law.sock", tmp_path_factory.mktemp("w") / "s")
    yield wire
    wire.server.close()


@pytest.fixture
def wired(wire: Wire, law_url: str, throttle_url: str, tmp_path: Path) -> Contest:
    contest = a_contest(wire.url, throttle_url, tmp_path)
    contest.cast(a_ballot(entry=2, voter=b"somebody"))  # the script is loaded from here on
    return contest


def test_a_reply_of_the_store_is_lost_and_the_client_asks_again_by_itself(
    wire: Wire, wired: Contest
):
    wire.swallow = 1
    assert wired.cast(a_ballot()).verdict is Verdict.ACCEPTED
    assert wire.swallow == 0
    assert wired.tally() == {1: 1, 2: 1}


def test_every_reply_of_the_store_is_lost_and_the_voter_asks_again(wire: Wire, wired: Contest):
    ballot = a_ballot()
    wire.swallow = 2
    with pytest.raises(StoreDown):
        wired.cast(ballot)
    assert wire.swallow == 0
    assert wired.cast(ballot).verdict is Verdict.ACCEPTED
    assert wired.tally() == {1: 1, 2: 1}
    assert wired.store.ledger.recount() == {1: 1, 2: 1}

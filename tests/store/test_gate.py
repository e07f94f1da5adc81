"""The gate: what a network may send in, what makes it more, and what it does when attacked."""

from __future__ import annotations

import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from evening import an_hour_later, later
from staging import OwnStore

from voting.network import Declared
from voting.store import gate as gate_module
from voting.store import keys
from voting.store.client import open_client
from voting.store.gate import MOST_KNOWN, MOST_PLACES, SCRIPT, Answer, Gate, How, Newcomer, Rung

CONTEST = "contest"
N = 6
HOME, ELSEWHERE = b"campus", b"office"
CAMPUS = Declared("203.0.113.0/24", 5_000, "校园", 9_999_999_999_999)


def a_gate(url: str) -> Gate:
    return Gate(open_client(url, timeout_s=0.5, retries=0), CONTEST)


@pytest.fixture
def gate(throttle_url: str) -> Gate:
    return a_gate(throttle_url)


def newcomer(network: bytes = HOME, agent: bytes | None = None, **fields: object) -> Newcomer:
    """Somebody new with a browser that nobody else has, unless told otherwise."""
    view, agent = secrets.token_bytes(8), agent or secrets.token_bytes(4)
    return Newcomer(view, int(time.time() * 1000), network, agent, **fields)


def come(gate: Gate, many: int, *, solved: bool = False, **fields: object) -> Counter[Rung]:
    """What so many newcomers are told, one after the other."""
    return Counter(gate.ask(newcomer(**fields), N, solved=solved).rung for _ in range(many))


def vote(gate: Gate, how: How, many: int, network: bytes = HOME) -> None:
    """So many well-known voters have voted there, and the process has told."""
    for n in range(many):
        gate.notice(how, network, b"%08d" % n)
    gate.write()


def test_how_many_came_freely_from_declared_networks_is_known(gate: Gate):
    office = Declared("198.51.100.7/32", 2, "单位", 9_999_999_999_999)
    come(gate, 3, declared=CAMPUS)
    assert come(gate, 8, declared=office, network=ELSEWHERE, solved=True)[Rung.GRANTED] == 8
    assert gate.came_freely([office, CAMPUS]) == [N, 3], "a challenge takes nothing of it"
    assert gate.came_freely([]) == []
    assert a_gate("unix:///nowhere.sock").came_freely([CAMPUS]) is None


# --- the rungs ------------------------------------------------------------------------------------


def test_an_unknown_network_sends_in_n_freely_ten_times_as_many_with_a_challenge_then_none(
    gate: Gate,
):
    assert come(gate, N + 1) == {Rung.GRANTED: N, Rung.CHALLENGE: 1}
    assert come(gate, 20 * N, solved=True) == {Rung.GRANTED: 9 * N, Rung.WAIT: 11 * N}
    assert come(gate, 1) == {Rung.WAIT: 1}, "nobody computes for nothing"


def test_a_solved_challenge_is_not_counted_as_one_while_it_is_free(gate: Gate):
    assert come(gate, N, solved=True) == {Rung.GRANTED: N}
    (bucket,) = gate.client.keys(keys.GATE(contest=CONTEST, place=HOME.hex()))
    assert {name[:1] for name in gate.client.hkeys(bucket)} == {b"f"}


def test_who_solves_a_challenge_takes_nothing_of_what_is_free_for_others(gate: Gate):
    """A crowd with one kind of browser has used up its half, and goes on with challenges."""
    come(gate, 3 * N, solved=True, agent=b"same")
    assert come(gate, N) == {Rung.GRANTED: N // 2, Rung.CHALLENGE: N // 2}


def test_each_network_has_a_gate_of_its_own(gate: Gate):
    assert come(gate, N + 1)[Rung.GRANTED] == N
    assert come(gate, N + 1, network=ELSEWHERE)[Rung.GRANTED] == N


def test_one_kind_of_browser_gets_half_of_what_is_free(gate: Gate):
    assert come(gate, N, agent=b"same") == {Rung.GRANTED: N // 2, Rung.CHALLENGE: N // 2}
    assert come(gate, N) == {Rung.GRANTED: N // 2, Rung.CHALLENGE: N // 2}


def test_a_network_of_one_may_send_in_one(gate: Gate):
    answers = [gate.ask(newcomer(agent=b"same"), 1, solved=False).rung for _ in range(2)]
    assert answers == [Rung.GRANTED, Rung.CHALLENGE]


def test_the_same_view_is_let_in_again_and_takes_nothing(gate: Gate):
    one = newcomer()
    assert {gate.ask(one, N, solved=False).rung for _ in range(5 * N)} == {Rung.GRANTED}
    assert come(gate, N) == {Rung.GRANTED: N - 1, Rung.CHALLENGE: 1}
    come(gate, 20 * N, solved=True)
    assert gate.ask(one, N, solved=False).rung is Rung.GRANTED, "though the gate is shut by now"


def test_a_view_that_was_let_in_is_let_in_from_another_network_too(gate: Gate):
    """A phone that leaves the wireless network while its answer is on the way."""
    one = newcomer()
    assert gate.ask(one, N, solved=False).rung is Rung.GRANTED
    come(gate, 20 * N, solved=True, network=ELSEWHERE)
    moved = Newcomer(one.view, one.looked_ms, ELSEWHERE, one.agent)
    assert gate.ask(moved, N, solved=False).rung is Rung.GRANTED


def test_who_is_not_let_in_takes_nothing_and_leaves_nothing(gate: Gate):
    come(gate, N)
    before = {key: gate.client.dump(key) for key in gate.client.keys("*")}
    come(gate, 50, agent=b"same")
    assert {key: gate.client.dump(key) for key in gate.client.keys("*")} == before


# --- time -----------------------------------------------------------------------------------------


def test_within_any_hour_there_are_no_more_than_there_may_be(gate: Gate):
    """By turns of five minutes: a crowd that never goes away, over three hours."""
    let_in = []
    for _ in range(36):
        let_in.append(come(gate, 3 * N, solved=True)[Rung.GRANTED])
        later(gate.client, CONTEST)
    hours = [sum(let_in[at : at + 12]) for at in range(len(let_in) - 11)]
    assert max(hours) == 10 * N
    assert sum(let_in) >= 2.5 * 10 * N


def test_whoever_waits_as_long_as_was_said_comes_in(gate: Gate):
    come(gate, 10 * N, solved=True)
    later(gate.client, CONTEST, 3)
    answer = gate.ask(newcomer(), N, solved=True)
    assert answer.rung is Rung.WAIT
    slots = -(-answer.wait_s // 300)
    assert 9 <= slots <= 10
    later(gate.client, CONTEST, slots - 1)
    assert come(gate, 1, solved=True) == {Rung.WAIT: 1}
    later(gate.client, CONTEST)
    assert come(gate, 11 * N, solved=True)[Rung.GRANTED] == 10 * N


def test_the_wait_is_as_long_as_it_takes_until_one_comes_back(gate: Gate):
    come(gate, N)
    later(gate.client, CONTEST, 6)
    come(gate, 9 * N, solved=True)
    answer = gate.ask(newcomer(), N, solved=True)
    assert 30 * 60 < answer.wait_s <= 35 * 60, "the first came half an hour ago"


def test_the_wait_is_no_longer_than_that_where_only_one_came_first(gate: Gate):
    come(gate, 1)
    later(gate.client, CONTEST, 6)
    come(gate, 10 * N - 1, solved=True)
    answer = gate.ask(newcomer(), N, solved=True)
    assert 30 * 60 < answer.wait_s <= 35 * 60, "its place is enough for the next one"


def test_a_store_s_clock_that_steps_forgives(gate: Gate):
    come(gate, 10 * N, solved=True)
    later(gate.client, CONTEST, -100)  # what was written lies in the future now
    assert come(gate, N) == {Rung.GRANTED: N}
    later(gate.client, CONTEST, 1_000)
    assert come(gate, N) == {Rung.GRANTED: N}


def test_what_is_over_is_swept_out(gate: Gate):
    for _ in range(3):
        assert come(gate, 1, agent=b"same") == {Rung.GRANTED: 1}
        later(gate.client, CONTEST)
    an_hour_later(gate.client, CONTEST)
    come(gate, 1, agent=b"same")
    buckets = gate.client.keys(keys.GATE(contest=CONTEST, place="*"))
    assert [gate.client.hlen(key) for key in buckets] == [1, 1]


def test_everything_the_gate_writes_ends_by_itself(gate: Gate):
    come(gate, 2 * N, solved=True)
    vote(gate, How.WECHAT, 3)
    vote(gate, How.AGED, 3)
    lives = {key: gate.client.ttl(key) for key in gate.client.keys("*")}
    assert len(lives) > 4
    assert all(0 < left <= 3 * 7 * 24 * 3600 for left in lives.values())
    assert all(left <= 65 * 60 for key, left in lives.items() if b":known:" not in key)
    buckets = gate.client.keys(keys.GATE(contest=CONTEST, place="*"))
    assert all(lives[key] > 60 * 60 for key in buckets), "and not before it stopped counting"


# --- what makes it more ---------------------------------------------------------------------------


def test_five_more_for_each_voter_with_an_account(gate: Gate):
    vote(gate, How.WECHAT, 10)
    assert come(gate, 500) == {Rung.GRANTED: N + 50, Rung.CHALLENGE: 500 - N - 50}
    assert come(gate, 1_000, solved=True)[Rung.GRANTED] == 9 * (N + 50)


def test_one_more_for_five_voters_with_an_aged_pass_and_n_at_most(gate: Gate):
    vote(gate, How.AGED, 4)
    assert come(gate, N + 1)[Rung.GRANTED] == N
    vote(gate, How.AGED, 10)
    assert come(gate, N)[Rung.GRANTED] == 2
    vote(gate, How.AGED, 1_000)
    assert come(gate, 10 * N)[Rung.GRANTED] == N - 2


def test_voters_are_counted_once_however_often_they_vote(gate: Gate):
    for _ in range(5):
        vote(gate, How.WECHAT, 2)
    assert come(gate, 100)[Rung.GRANTED] == N + 10


def test_voters_make_their_own_network_known_and_no_other(gate: Gate):
    vote(gate, How.WECHAT, 10)
    assert come(gate, 100, network=ELSEWHERE)[Rung.GRANTED] == N


def test_voters_of_two_weeks_count_and_older_ones_don_t(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
):
    then = time.time()
    for weeks, granted in ((0, N + 10), (2, N + 10), (3, N)):
        gate.client.flushall()
        monkeypatch.setattr(gate_module.time, "time", lambda weeks=weeks: then - weeks * 604_800)
        vote(gate, How.WECHAT, 2)
        monkeypatch.undo()
        assert come(gate, 100)[Rung.GRANTED] == granted, weeks


def test_what_was_noticed_is_bounded_and_nothing_is_sent_before_it_is_written(gate: Gate):
    for n in range(MOST_KNOWN + 100):
        gate.notice(How.AGED, HOME, b"%08d" % n)
    assert gate.client.dbsize() == 0
    assert len(gate._noticed) == MOST_KNOWN
    gate.write()
    assert not gate._noticed
    assert gate.client.dbsize() == 1


# --- declared networks ----------------------------------------------------------------------------


def test_a_declared_network_sends_in_as_many_as_were_announced_whatever_they_browse_with(
    gate: Gate,
):
    assert come(gate, 5_000, declared=CAMPUS, agent=b"same") == {Rung.GRANTED: 5_000}
    assert come(gate, 100, declared=CAMPUS) == {Rung.CHALLENGE: 100}
    assert come(gate, 100, declared=CAMPUS, solved=True)[Rung.GRANTED] == 9 * N
    assert come(gate, 1, declared=CAMPUS) == {Rung.WAIT: 1}


def test_a_declared_network_is_one_however_many_networks_it_is_made_of(gate: Gate):
    narrow = Declared("203.0.0.0/16", 10, "校园", 9_999_999_999_999)
    answers = come(gate, 8, declared=narrow) + come(gate, 8, declared=narrow, network=ELSEWHERE)
    assert answers == {Rung.GRANTED: 10, Rung.CHALLENGE: 6}


def test_a_declared_network_of_one_may_use_one_kind_of_browser(gate: Gate):
    office = Declared("203.0.113.7/32", 1, "传达室", 9_999_999_999_999)
    assert come(gate, N, agent=b"same", declared=office) == {Rung.GRANTED: N}


def test_declaring_takes_nothing_away(gate: Gate):
    vote(gate, How.WECHAT, 10)
    few = Declared("203.0.113.0/24", 3, "办公室", 9_999_999_999_999)
    assert come(gate, 100, declared=few)[Rung.GRANTED] == N + 50


# --- attacks on the gate itself -------------------------------------------------------------------


def test_two_processes_let_in_no_more_than_one(throttle_url: str):
    gates = [a_gate(throttle_url) for _ in range(8)]
    with ThreadPoolExecutor(8) as hands:
        answers = list(hands.map(lambda gate: come(gate, 2 * N, solved=True), gates))
    assert sum((one[Rung.GRANTED] for one in answers), 0) == 10 * N


def test_one_view_in_many_hands_takes_one(throttle_url: str):
    gates, one = [a_gate(throttle_url) for _ in range(8)], newcomer()
    with ThreadPoolExecutor(8) as hands:
        answers = list(hands.map(lambda gate: gate.ask(one, N, solved=False).rung, gates))
    assert set(answers) == {Rung.GRANTED}
    assert come(gates[0], N)[Rung.GRANTED] == N - 1


def test_a_store_that_is_emptied_midway_begins_anew(gate: Gate):
    come(gate, 10 * N, solved=True)
    gate.client.flushall()
    gate.client.script_flush()
    assert come(gate, N + 1) == {Rung.GRANTED: N, Rung.CHALLENGE: 1}


@pytest.mark.parametrize("at", range(9))
def test_a_key_of_another_kind_makes_the_door_stricter_and_breaks_nothing(gate: Gate, at: int):
    """Whichever of the nine keys it is that somebody else has written to."""
    one = newcomer(agent=b"same")
    gate.client.set(gate._call(one, N, False)[0][at], "not what the script expects")
    if at in (1, 2):
        assert gate.ask(one, N, solved=False).rung is Rung.CHALLENGE
        return
    assert come(gate, 3) == {Rung.CHALLENGE: 3}
    assert come(gate, 3 * N, solved=True) == {Rung.GRANTED: N, Rung.WAIT: 2 * N}


def test_a_field_that_is_none_makes_the_door_stricter_and_breaks_nothing(gate: Gate):
    gate.client.hset(keys.GATE(contest=CONTEST, place=HOME.hex()), "nonsense", "x")
    assert come(gate, 3) == {Rung.CHALLENGE: 3}


def test_a_hundred_thousand_networks_stay_small(gate: Gate):
    before = gate.client.info("memory")["used_memory"]
    for n in range(5_000):
        gate.ask(newcomer(network=n.to_bytes(6, "big")), N, solved=False)
    grown = gate.client.info("memory")["used_memory"] - before
    assert grown / 5_000 < 600, "two small hashes and a view each; all-keys-lru bounds the rest"


def test_no_address_and_no_declared_network_is_written_in_plain(gate: Gate):
    come(gate, 3, declared=CAMPUS)
    assert not any(b"203.0" in key for key in gate.client.keys("*"))


def test_all_keys_of_the_gate_lie_in_one_slot_of_a_cluster(gate: Gate):
    names, _ = gate._call(newcomer(), N, False)
    assert {name.partition("}")[0] for name in names} == {"{contest"}


def test_a_script_that_was_forgotten_is_loaded_again(gate: Gate):
    come(gate, 1)
    gate.client.script_flush()
    assert come(gate, 1) == {Rung.GRANTED: 1}
    assert "redis.call('TIME')" in SCRIPT


# --- without the store ----------------------------------------------------------------------------


@pytest.fixture
def own_throttle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    store = OwnStore.throttle(tmp_path_factory.mktemp("o"))
    store.start()
    yield store
    store.kill()


@pytest.fixture
def bereft(own_throttle: OwnStore) -> Gate:
    gate = a_gate(own_throttle.url)
    come(gate, 1)
    own_throttle.kill()
    return gate


def test_without_the_store_everybody_solves_a_challenge_and_fewer_come_in(bereft: Gate):
    assert come(bereft, 3) == {Rung.CHALLENGE: 3}
    assert come(bereft, 2 * N, solved=True) == {Rung.GRANTED: N, Rung.WAIT: N}
    assert come(bereft, 1, solved=True, network=ELSEWHERE) == {Rung.GRANTED: 1}
    answer = bereft.ask(newcomer(), N, solved=True)
    assert 0 < answer.wait_s <= 3600


def test_without_the_store_a_view_is_let_in_again_too(bereft: Gate):
    one = newcomer()
    assert bereft.ask(one, N, solved=True) == Answer(Rung.GRANTED)
    come(bereft, 2 * N, solved=True)
    assert bereft.ask(one, N, solved=False) == Answer(Rung.GRANTED)


def test_without_the_store_a_declared_network_sends_in_its_people(bereft: Gate):
    assert come(bereft, 5_001, solved=True, declared=CAMPUS) == {
        Rung.GRANTED: 5_000, Rung.WAIT: 1}  # fmt: skip


def test_without_the_store_a_process_remembers_no_more_than_it_can(bereft: Gate):
    for n in range(MOST_PLACES + 50):
        bereft.ask(newcomer(network=n.to_bytes(6, "big")), N, solved=True)
    assert len(bereft._alone._taken) == MOST_PLACES
    for n in range(1_000):
        bereft.ask(newcomer(network=n.to_bytes(6, "big")), N, solved=False)
    assert len(bereft._alone._taken) == MOST_PLACES, "who only asks is not remembered"


def test_an_hour_later_a_process_by_itself_lets_in_as_many_again(
    bereft: Gate, monkeypatch: pytest.MonkeyPatch
):
    come(bereft, N, solved=True)
    now = time.monotonic
    monkeypatch.setattr(gate_module.time, "monotonic", lambda: now() + 3601)
    assert come(bereft, N + 1, solved=True) == {Rung.GRANTED: N, Rung.WAIT: 1}


def test_a_store_that_comes_back_is_asked_again(
    bereft: Gate, own_throttle: OwnStore, monkeypatch: pytest.MonkeyPatch
):
    come(bereft, 3)
    own_throttle.start()
    now = time.monotonic
    monkeypatch.setattr(gate_module.time, "monotonic", lambda: now() + gate_module.AWAY_S)
    assert come(bereft, N) == {Rung.GRANTED: N}


def test_without_the_store_what_was_noticed_is_forgotten(bereft: Gate):
    vote(bereft, How.WECHAT, 3)
    assert not bereft._noticed


# --- an evening -----------------------------------------------------------------------------------

STUDENTS, HOURS, REAL_N = 5_000, 5, 60
TURNS = 12 * HOURS


def spend(gate: Gate, in_wechat: float, declared: Declared | None = None) -> Counter[str]:
    """5,000 students of one address, spread over five hours by turns of five minutes; with twenty
    kinds of phones. Each asks as the page does; whoever has to wait comes back when told to, or
    half an hour later."""
    ended: Counter[str] = Counter()
    due: dict[int, list[Newcomer]] = defaultdict(list)
    for n in range(STUDENTS):
        due[n * TURNS // STUDENTS].append(newcomer(agent=b"%04d" % (n % 20), declared=declared))
    for turn in range(TURNS):
        for n, one in enumerate(due[turn]):
            if n % 100 < 100 * in_wechat:
                ended["in WeChat"] += 1
                gate.notice(How.WECHAT, HOME, one.view)
            elif gate.ask(one, REAL_N, solved=False).rung is Rung.GRANTED:
                ended["freely"] += 1
            elif (answer := gate.ask(one, REAL_N, solved=True)).rung is Rung.GRANTED:
                ended["with a challenge"] += 1
            else:
                due[turn + max(6, -(-answer.wait_s // 300))].append(one)
        gate.write()  # every five seconds in life
        later(gate.client, CONTEST)
    ended["not at all"] = STUDENTS - sum(ended.values())
    return ended


def test_an_evening_a_declared_campus_votes_without_a_challenge(gate: Gate):
    assert spend(gate, 0, CAMPUS) == {"freely": STUDENTS, "not at all": 0}


def test_an_evening_with_one_in_twenty_in_wechat_all_vote_with_one_challenge_at_most(gate: Gate):
    ended = spend(gate, 0.05)
    assert ended["in WeChat"] >= 250
    assert ended["in WeChat"] + ended["freely"] + ended["with a challenge"] >= 0.99 * STUDENTS


def test_an_evening_of_strangers_lets_in_ten_n_an_hour(gate: Gate):
    ended = spend(gate, 0)
    assert ended["freely"] <= HOURS * REAL_N
    came = ended["freely"] + ended["with a challenge"]
    assert 0.9 * HOURS * 10 * REAL_N <= came <= HOURS * 10 * REAL_N
    an_hour_later(gate.client, CONTEST)
    assert come(gate, N) == {Rung.GRANTED: N}

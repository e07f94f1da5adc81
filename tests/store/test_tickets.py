"""The share cards' ticket: one worker renews it in time; a failure costs nothing until it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from staging import OwnStore
from wechat.stand_in import StandIn

from voting.settings import WeChat
from voting.store import keys
from voting.store.client import StoreDown, open_client
from voting.store.tickets import Tickets
from voting.wechat import Api, TokenWorthless, Trouble
from voting.worker import renew_ticket


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as one:
        yield one


@pytest.fixture
def api(stand_in: StandIn) -> Api:
    return Api(WeChat(stand_in.app_id, stand_in.secret, api_url=stand_in.url))


@pytest.fixture
def tickets(throttle_url: str) -> Tickets:
    return Tickets(open_client(throttle_url, timeout_s=0.5, retries=0), "contest")


def named(key: keys.Key, api: Api) -> str:
    return key(contest="contest", app=api.account.app_id)


def beat(tickets: Tickets, api: Api) -> None:
    """One look of the worker, which waits for WeChat here."""
    if tickets.try_now(api.account.app_id):
        renew_ticket(tickets, api)


def half_a_minute(tickets: Tickets, api: Api) -> None:
    """Has passed since the last try."""
    tickets.client.delete(named(keys.TICKET_LOCK, api))


def age(tickets: Tickets, api: Api, left_s: int) -> None:
    """Ticket and token end in so many seconds."""
    for key in (keys.TICKET, keys.TOKEN):
        tickets.client.expire(named(key, api), left_s)


def test_a_ticket_is_got_and_kept_as_long_as_wechat_says(
    stand_in: StandIn, api: Api, tickets: Tickets
):
    assert tickets.ticket(stand_in.app_id) is None
    stand_in.lives_s = 3600
    beat(tickets, api)
    assert tickets.ticket(stand_in.app_id) == stand_in.ticket
    assert tickets.token(stand_in.app_id) == stand_in.token
    for key in (keys.TICKET, keys.TOKEN):
        assert 3590 < tickets.client.ttl(named(key, api)) <= 3600


def test_a_ticket_that_is_young_is_left_alone(stand_in: StandIn, api: Api, tickets: Tickets):
    beat(tickets, api)
    half_a_minute(tickets, api)
    stand_in.calls.clear()
    for _ in range(5):
        beat(tickets, api)
    assert stand_in.calls == []


def test_it_is_renewed_ten_minutes_before_it_ends(stand_in: StandIn, api: Api, tickets: Tickets):
    beat(tickets, api)
    old, stand_in.ticket = stand_in.ticket, ""
    age(tickets, api, 601)
    half_a_minute(tickets, api)
    beat(tickets, api)
    assert tickets.ticket(stand_in.app_id) == old
    age(tickets, api, 599)
    beat(tickets, api)
    assert tickets.ticket(stand_in.app_id) == stand_in.ticket != old


def test_two_workers_ask_once(stand_in: StandIn, api: Api, tickets: Tickets):
    for _ in range(3):
        beat(Tickets(tickets.client, "contest"), api)
    assert stand_in.calls == ["stable_token", "getticket"]


@pytest.mark.parametrize("code", [-1, 45009, 45011, 40164])
def test_a_failure_leaves_the_old_ticket_and_is_not_repeated_at_once(
    stand_in: StandIn, api: Api, tickets: Tickets, code: int
):
    beat(tickets, api)
    age(tickets, api, 300)
    half_a_minute(tickets, api)
    stand_in.every_answer = code
    with pytest.raises(Trouble):
        beat(tickets, api)
    asked = len(stand_in.calls)
    beat(tickets, api)
    assert len(stand_in.calls) == asked  # half a minute hasn't passed
    assert 0 < tickets.client.ttl(named(keys.TICKET_LOCK, api)) <= 30
    assert tickets.ticket(stand_in.app_id) == stand_in.ticket
    stand_in.every_answer = None
    half_a_minute(tickets, api)
    beat(tickets, api)
    assert tickets.client.ttl(named(keys.TICKET, api)) > 7000


def test_a_token_is_used_again_when_only_the_ticket_failed(
    stand_in: StandIn, api: Api, tickets: Tickets
):
    stand_in.next_answers.extend([None, 45011])
    with pytest.raises(Trouble):
        beat(tickets, api)
    half_a_minute(tickets, api)
    beat(tickets, api)
    assert stand_in.calls == ["stable_token", "getticket", "getticket"]


@pytest.mark.parametrize("code", [42001, 40001])
def test_a_kept_token_that_is_refused_is_asked_for_again_and_not_forced(
    stand_in: StandIn, api: Api, tickets: Tickets, code: int
):
    tickets.keep_token(stand_in.app_id, "of yesterday", 7200)
    stand_in.refused_tokens["of yesterday"] = code
    beat(tickets, api)
    assert stand_in.calls == ["getticket", "stable_token", "getticket"]
    assert tickets.token(stand_in.app_id) == stand_in.token


def test_a_new_token_is_forced_only_when_the_one_that_wechat_has_is_refused(
    stand_in: StandIn, api: Api, tickets: Tickets
):
    stand_in.refused_tokens[api.token().value] = 40001
    stand_in.calls.clear()
    beat(tickets, api)
    assert stand_in.calls == ["stable_token", "getticket", "forced_token", "getticket"]
    assert tickets.ticket(stand_in.app_id) == stand_in.ticket


def test_wechat_that_refuses_even_a_forced_token_is_left_alone(
    stand_in: StandIn, api: Api, tickets: Tickets
):
    stand_in.next_answers.extend([None, 40001, None, 40001])
    with pytest.raises(TokenWorthless):
        beat(tickets, api)
    assert stand_in.forced == 1


def test_a_ticket_that_ended_is_gone(stand_in: StandIn, api: Api, tickets: Tickets):
    beat(tickets, api)
    age(tickets, api, 0)
    assert tickets.ticket(stand_in.app_id) is None


def test_another_account_s_ticket_is_not_ours(stand_in: StandIn, api: Api, tickets: Tickets):
    beat(tickets, api)
    assert tickets.ticket("wxanother") is None


def test_without_the_throttle_store_nobody_asks_wechat(
    stand_in: StandIn, api: Api, tmp_path_factory: pytest.TempPathFactory
):
    gone = OwnStore.throttle(tmp_path_factory.getbasetemp())
    tickets = Tickets(open_client(gone.url, timeout_s=0.5, retries=0), "contest")
    with pytest.raises(StoreDown):
        beat(tickets, api)
    assert stand_in.calls == []

"""`flask batches …`: looking only; and a recount that knows what was removed."""

from __future__ import annotations

import click
import pytest
from flask import Flask
from people import Town

from cli.test_commands import refused, said
from voting.batch import Decision
from voting.case import Case, Finding, Pattern
from voting.cli.batches import batches
from voting.organizer import Account, Role
from voting.store import keys
from voting.web.site import Site


@pytest.fixture
def removed(site: Site, town: Town) -> str:
    """Two of three votes for 1 are removed; the batch's id."""
    for entry in (1, 1, 1, 2):
        assert town.visitor().vote(entry).status_code == 201
    store = site.store
    for name in ("甲", "乙"):
        store.accounts.add(Account(name, Role.ORGANIZER, "hash", 0))
    ids = [vote.id for vote in store.ledger.votes() if vote.entry == 1][:2]
    case = Case("c1", Pattern.CROWD, Finding.VOTES, (), 2, 0.0, 0.0, 0.0, 1.0, 0, 0, (), "")
    batch = store.batches.freeze(case, ids, "甲")
    store.batches.decide(batch.id, Decision.ASK_VOID, "不像真人", "甲")
    store.batches.decide(batch.id, Decision.VOID, "我也看过", "乙")
    return batch.id


def test_there_is_nothing_to_decide_with():
    assert set(batches.commands) == {"list", "show"}
    for command in batches.commands.values():
        assert isinstance(command, click.Command)
        assert any("一" <= letter <= "鿿" for letter in command.help or "")


def test_where_nothing_was_frozen_nothing_is_listed(app: Flask):
    assert said(app, "batches", "list") == "共 0 批，移除 0 票（同一张票只算一次）。\n"


def test_a_batch_is_listed_and_shown_with_every_decision(app: Flask, site: Site, removed: str):
    listed = said(app, "batches", "list")
    assert f"{removed}  已移除  2 票  不像真人的一阵票\n" in listed
    assert listed.endswith("共 1 批，移除 2 票（同一张票只算一次）。\n")
    shown = said(app, "batches", "show", removed)
    assert "  001 号 2 票\n" in shown
    assert "甲  提请移除：不像真人" in shown
    assert "乙  确认移除：我也看过" in shown
    ids = [vote.id for vote in site.store.ledger.votes()]
    assert ids[0] not in shown
    votes = said(app, "batches", "show", removed, "--votes").splitlines()[-2:]
    assert votes == ids[:2]


def test_a_batch_that_isn_t_there_is_one_sentence(app: Flask):
    assert refused(app, "batches", "show", "0123456789") == "Error: 没有批次 0123456789\n"


@pytest.mark.usefixtures("removed")
def test_recount_tells_what_is_removed_and_what_the_public_sees_of_it(app: Flask):
    told = said(app, "recount")
    assert told.startswith("账本共 4 票，移除 2 票，其余 2 票。\n票数与账本一致。\n公开页面只显示 ")
    assert told.endswith("以前的决定：移除 0 票。\n")


@pytest.mark.usefixtures("removed")
def test_after_the_close_the_public_sees_it_all(app: Flask, site: Site):
    site.store.rules.close("提前")
    assert said(app, "recount").endswith("票数与账本一致。\n")


@pytest.mark.usefixtures("removed")
def test_deductions_that_were_tampered_with_are_worked_out_from_the_log(app: Flask, site: Site):
    text = site.store.law.hget(keys.CONTEST(), "deductions")
    site.store.law.hset(keys.CONTEST(), "deductions", text.replace(b'"votes":2', b'"votes":1'))
    told = said(app, "recount")
    assert told.startswith("移除的票数与操作记录不符，已按操作记录重算。\n账本共 4 票，移除 2 票")
    assert not said(app, "recount").startswith("移除")

"""Publishing freezes what was looked at; a correction is a new version; nothing is rewritten."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from casting import Contest, a_ballot, looked_at, now_ms

from voting.batch import Decision, State
from voting.case import Case, Effect, Finding, Pattern
from voting.contest import CloseCall, Closing, EntryState, Phase, Tie
from voting.organizer import Account, Role
from voting.result import About, Result, compute, digest, public
from voting.settings import ROOT
from voting.store import keys
from voting.store.batches import Batches, DecisionRefused
from voting.store.client import StoreDown
from voting.store.entries import Entries
from voting.store.log import Kind, Log
from voting.store.results import Draft, PublishRefused
from voting.store.rules import StepRefused
from voting.store.standings import Board

ABOUT = About("大赛", "", ("甲局",), "网络人气奖", False, {})


@pytest.fixture
def checked(contest: Contest) -> Contest:
    """Two votes for 1, one each for 2 and 3; the check has begun."""
    cast(contest, [1, 1, 2, 3])
    end(contest)
    return contest


def cast(contest: Contest, entries: list[int]) -> None:
    for n, entry in enumerate(entries):
        contest.cast(a_ballot(entry, b"voter%03d" % n))


def end(contest: Contest) -> None:
    contest.store.rules.close("提前")
    contest.store.rules.begin_review("核对")
    looked_at(contest.store)


def draft_of(contest: Contest) -> Draft:
    """Compute and keep, as voting/draft.py does."""
    store = contest.store
    void = store.batches.void()
    rows = (
        (v.entry, v.at_ms, v.voter, v.signals.identity, void[0].get(v.id[3:].encode()))
        for v in store.ledger.votes()
    )
    entries = {n: replace(e, category="live") for n, e in store.entries.all().items()}
    categories = {"live": type("C", (), {"name": "实景", "ai": False})()}
    about = replace(ABOUT, categories=categories)
    catalogue = store.results.catalogue()
    rules, excess = store.rules.versions()[-1], store.results.unnamed()
    result = compute(rows, entries, {}, about, rules, now_ms(), excess)
    draft = Draft(catalogue, result)
    store.results.keep(draft)
    return draft


def publish(contest: Contest, reason: str = "确认", **jury: object) -> Result:
    return contest.store.results.publish(draft_of(contest).digest, reason, "王组织", **jury)


def board(contest: Contest) -> Board:
    """As a process sees it that starts now, a second later."""
    mine = {"contest": "test"}
    contest.store.throttle.delete(keys.STANDINGS(**mine), keys.STANDINGS_LOCK(**mine))
    return replace(contest.store.boards, _board=None).current()


def test_what_is_published_is_the_draft_with_version_time_and_reason(checked: Contest):
    draft = draft_of(checked)
    made = checked.store.results.publish(draft.digest, "组委会确认", "王组织")
    assert replace(made, version=0, at_ms=draft.result.at_ms, by="", reason="") == draft.result
    assert (made.version, made.by, made.reason) == (1, "王组织", "组委会确认")
    assert checked.store.results.latest() == made
    assert checked.store.results.all() == (made,)
    assert checked.store.results.draft() is None
    assert checked.store.rules.phase() is Phase.PUBLISHED
    act = checked.store.log.last()
    assert (act.kind, act.subject, act.reason, act.by) == (
        Kind.PUBLISH, "1", "组委会确认", "王组织",
    )  # fmt: skip


def test_the_board_shows_it_and_its_places_don_t_move_any_more(checked: Contest):
    assert board(checked).result is None
    made = publish(checked)
    shown = board(checked)
    assert shown.result == made
    assert shown.phase(now_ms() + 1) is Phase.PUBLISHED
    assert [row.number for row in shown.standings.rows] == [1, 2, 3]
    checked.store.law.hincrby(keys.TALLY(shard=0), 3, 50)
    assert board(checked).standings.rows == shown.standings.rows
    checked.store.entries.withdraw(1, "争议")
    later = board(checked)
    assert later.result == made, "a withdrawal doesn't rewrite what is published"
    assert [row.rank for row in later.standings.rows] == [2, 2]


def test_a_kept_board_holds_the_result(checked: Contest):
    made = publish(checked)
    assert board(checked).result == made
    boards = checked.store.boards
    assert boards._kept_board().result == made
    assert boards._kept_board().snapshot.stage_reason == "确认"


def test_only_the_draft_that_was_seen_is_published(checked: Contest):
    draft_of(checked)
    with pytest.raises(PublishRefused, match="已经过时"):
        checked.store.results.publish("another", "确认")
    assert checked.store.results.all() == ()
    assert checked.store.rules.phase() is Phase.UNDER_REVIEW


def test_without_a_draft_nothing_is_published(checked: Contest):
    with pytest.raises(PublishRefused, match="已经过时"):
        checked.store.results.publish("", "确认")


def test_a_draft_that_is_no_longer_true_is_not_published(checked: Contest):
    draft = draft_of(checked)
    assert checked.store.results.is_current(draft)
    checked.store.entries.withdraw(3, "争议")
    assert not checked.store.results.is_current(draft)
    with pytest.raises(PublishRefused, match="重新计算"):
        checked.store.results.publish(draft.digest, "确认")


def test_a_row_more_in_the_ledger_makes_the_draft_old(checked: Contest):
    draft = draft_of(checked)
    row = next(iter(checked.store.law.xrange(keys.LEDGER(shard=0), count=1)))[1]
    checked.store.law.xadd(keys.LEDGER(shard=0), row)
    assert not checked.store.results.is_current(draft)


def test_where_ledger_and_tally_differ_nothing_is_published(checked: Contest):
    draft = draft_of(checked)
    checked.store.law.hincrby(keys.TALLY(shard=0), 2, 1)
    with pytest.raises(PublishRefused, match="票数与账本不一致"):
        checked.store.results.publish(draft.digest, "确认")
    assert checked.store.results.latest() is None


def test_removed_votes_belong_to_what_must_agree(checked: Contest):
    checked.store.entries.withdraw(1, "争议")
    made = publish(checked)
    assert [(one.number, one.votes) for one in made.removed] == [(1, 2)]


@pytest.mark.parametrize("phase", ["open", "closed"])
def test_nothing_is_published_before_the_check(contest: Contest, phase: str):
    if phase == "closed":
        contest.store.rules.close("提前")
    draft = draft_of(contest)
    with pytest.raises(StepRefused, match="不能公布结果"):
        contest.store.results.publish(draft.digest, "确认")


def test_a_correction_is_a_new_version_that_names_the_earlier_ones(checked: Contest):
    first = publish(checked, "确认")
    frozen = checked.store.law.lindex(keys.RESULTS(), 0)
    checked.store.entries.withdraw(2, "争议")
    second = publish(checked, "002 号撤下，后面的递补")
    assert (second.version, checked.store.results.latest()) == (2, second)
    (earlier,) = second.earlier
    assert (earlier.version, earlier.at_ms, earlier.reason) == (1, first.at_ms, "确认")
    assert earlier.digest == digest(first)
    assert checked.store.results.all() == (first, second)
    assert checked.store.law.lindex(keys.RESULTS(), 0) == frozen


def test_a_result_taken_back_is_kept_and_not_in_force(checked: Contest):
    made = publish(checked)
    checked.store.results.unpublish("票数要再核", "王组织")
    assert checked.store.results.latest() is None
    assert checked.store.results.all() == (made,)
    assert checked.store.rules.phase() is Phase.UNDER_REVIEW
    shown = board(checked)
    assert (shown.result, shown.snapshot.stage_reason) == (None, "票数要再核")
    act = checked.store.log.last()
    assert (act.kind, act.subject, act.reason) == (Kind.UNPUBLISH, "1", "票数要再核")
    assert publish(checked).version == 2


def test_a_result_that_a_crash_kept_from_being_published_never_was(
    checked: Contest, monkeypatch: pytest.MonkeyPatch
):
    results, seen = checked.store.results, draft_of(checked).digest

    def down(*_: object) -> None:
        raise StoreDown

    def crash() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(Log, "append", down)
            with pytest.raises(StoreDown):
                results.publish(results.draft().digest, "没有成", "王组织")

    crash()
    assert (results.all(), results.latest(), checked.store.rules.phase()) == (
        (), None, Phase.UNDER_REVIEW
    )  # fmt: skip
    first = results.publish(seen, "确认", "王组织")  # the same draft is still good
    assert (first.version, first.earlier, results.all()) == (1, (), (first,))

    draft_of(checked)
    crash()
    assert results.latest() == first
    assert board(checked).result == first
    second = publish(checked, "更正")
    assert results.all() == (first, second)
    assert [one.version for one in second.earlier] == [1]


def test_the_jury_fills_the_places_when_publishing(contest: Contest):
    contest.change(tie=Tie.JURY, winners=2)
    cast(contest, [1, 1, 2, 3])
    end(contest)
    with pytest.raises(PublishRefused, match="正好选 1 件"):
        publish(contest)
    assert contest.store.results.draft() is not None
    made = publish(contest, chosen=(3,), jury_reason="评委会表决")
    assert [row.number for row in made.awarded] == [1, 3]
    assert contest.store.results.latest().jury_reason == "评委会表决"


def test_what_was_never_approved_is_not_in_the_result(checked: Contest):
    made = publish(checked)
    assert checked.store.entries.of(4).state is EntryState.PENDING
    assert made.of(4) is None


# --- what scrutiny has found --------------------------------------------------------------------


def suspect(name: str = "c1", **fields: object) -> Case:
    case = Case(
        id=name, pattern=Pattern.CROWD, finding=Finding.VOTES, entries=(("1", 2),), votes=2,
        expected=0.0, low=1.0, high=2.0, score=0.9, first_ms=1, last_ms=2, evidence=(),
        explanation="", effect=Effect(leave=("1",), enter=("4",)),
    )  # fmt: skip
    return replace(case, **fields)


@pytest.fixture
def staffed(checked: Contest) -> Contest:
    for name in ("甲", "乙"):
        checked.store.accounts.add(Account(name, Role.ORGANIZER, "hash", 0))
    return checked


def ids_of(contest: Contest, entry: int) -> list[str]:
    return [vote.id for vote in contest.store.ledger.votes() if vote.entry == entry]


def frozen(contest: Contest, ids: list[str], case: Case | None = None) -> str:
    return contest.store.batches.freeze(case or suspect(), ids, "甲").id


def decide(contest: Contest, batch: str, *decisions: Decision) -> None:
    for decision in decisions:
        by = "乙" if decision is Decision.VOID else "甲"
        contest.store.batches.decide(batch, decision, "因为", by)


def test_without_a_look_at_every_vote_a_result_needs_a_reason(checked: Contest):
    looked_at(checked.store)
    run = checked.store.cases.latest()
    checked.store.cases.put(replace(run, rows=run.rows - 1), {})
    with pytest.raises(PublishRefused, match=f"只看过 {run.rows - 1} 票"):
        publish(checked)
    made = publish(checked, without_scrutiny=" 服务器坏了 ")
    assert made.without_scrutiny == "服务器坏了"
    assert '"without_scrutiny":"服务器坏了"' in public(made)
    assert checked.store.results.latest() == made


def test_a_reason_that_nobody_needed_is_not_published(checked: Contest):
    assert publish(checked, without_scrutiny="以防万一").without_scrutiny == ""


def test_a_case_that_changes_who_wins_must_be_decided_first(staffed: Contest):
    ids = ids_of(staffed, 1)
    looked_at(staffed.store, suspect(), c1=ids)
    for without in ("", "来不及了"):
        with pytest.raises(PublishRefused, match="有 1 组可疑的票可能改变获奖名单，还没有决定"):
            publish(staffed, without_scrutiny=without)
    batch = frozen(staffed, ids)
    for decision in (Decision.HOLD, Decision.ASK_VOID):
        decide(staffed, batch, decision)
        with pytest.raises(PublishRefused, match="还没有决定"):
            publish(staffed)
    decide(staffed, batch, Decision.KEEP)
    assert publish(staffed).version == 1


def test_a_void_decides_a_case_and_the_result_leaves_its_votes_out(staffed: Contest):
    before = draft_of(staffed).result
    ids = ids_of(staffed, 1)
    looked_at(staffed.store, suspect(), c1=ids)
    batch = frozen(staffed, ids)
    decide(staffed, batch, Decision.ASK_VOID, Decision.VOID)
    assert not staffed.store.results.is_current(staffed.store.results.draft())
    made = publish(staffed)
    assert made.of(1).votes == 0
    assert made.totals.votes == before.totals.votes - len(ids)
    assert (made.removed[-1].votes, made.removed[-1].number) == (len(ids), 0)
    assert board(staffed).standings.of(1).votes == 0
    assert staffed.store.results.agrees(made)


def test_votes_that_came_to_a_case_after_it_was_decided_are_to_be_decided_too(staffed: Contest):
    ids = ids_of(staffed, 1)
    batch = frozen(staffed, ids[:1])
    decide(staffed, batch, Decision.KEEP)
    looked_at(staffed.store, suspect(), c1=ids)
    assert not staffed.store.results.doubts()[0].waivable
    decide(staffed, frozen(staffed, ids[1:]), Decision.ASK_VOID, Decision.VOID)
    assert staffed.store.results.doubts() == []


def test_a_vote_that_waits_in_another_batch_is_not_decided(staffed: Contest):
    ids = ids_of(staffed, 1)
    looked_at(staffed.store, suspect(), c1=ids)
    decide(staffed, frozen(staffed, ids), Decision.KEEP)
    assert staffed.store.results.doubts() == []
    other = frozen(staffed, ids[:1], suspect("c2"))
    decide(staffed, other, Decision.HOLD)
    assert staffed.store.results.doubts()
    decide(staffed, other, Decision.KEEP)
    assert staffed.store.results.doubts() == []


def test_a_case_that_changes_nothing_holds_up_nothing(staffed: Contest):
    case = suspect(effect=Effect(places=(("1", 1, 2),)))
    looked_at(staffed.store, case, c1=ids_of(staffed, 1)[:1])
    assert publish(staffed).version == 1


HARMLESS = Effect(places=(("1", 1, 1),))


@pytest.fixture
def close(contest: Contest) -> Contest:
    """One place; five votes for 1, three for 2. Two cases name votes of 1, and neither alone
    changes who wins."""
    contest.change(winners=1)
    cast(contest, [1, 1, 1, 1, 1, 2, 2, 2])
    end(contest)
    for name in ("甲", "乙"):
        contest.store.accounts.add(Account(name, Role.ORGANIZER, "hash", 0))
    ids = ids_of(contest, 1)
    some, more = suspect("c1", effect=HARMLESS), suspect("c2", effect=HARMLESS)
    looked_at(contest.store, some, more, c1=ids[:1], c2=ids[1:2])
    return contest


TOGETHER = "票没有决定，合在一起可能改变获奖名单"


def test_cases_that_change_who_wins_only_together_must_be_decided_first(close: Contest):
    with pytest.raises(PublishRefused, match=f"还有 2 {TOGETHER}"):
        publish(close, without_scrutiny="来不及了")
    decide(close, frozen(close, ids_of(close, 1)[:1]), Decision.KEEP)
    assert publish(close).version == 1, "what is left is one vote of a lead of two"


def test_a_void_makes_the_other_case_the_one_that_decides(close: Contest):
    voided = frozen(close, ids_of(close, 1)[:1])
    decide(close, voided, Decision.ASK_VOID, Decision.VOID)
    with pytest.raises(PublishRefused, match=f"还有 1 {TOGETHER}"):
        publish(close)
    decide(close, frozen(close, ids_of(close, 1)[1:2], suspect("c2")), Decision.KEEP)
    assert publish(close).version == 1


@pytest.mark.parametrize("decision", [Decision.HOLD, Decision.ASK_VOID, None])
def test_votes_that_only_a_batch_names_any_more_are_to_be_decided_too(
    close: Contest, decision: Decision | None
):
    batch = frozen(close, ids_of(close, 1)[:2])
    decide(close, batch, *([decision] if decision else []))
    looked_at(close.store)  # the next look finds no case
    with pytest.raises(PublishRefused, match=f"还有 2 {TOGETHER}"):
        publish(close)
    decide(close, batch, Decision.KEEP)
    assert publish(close).version == 1


def test_votes_of_who_doesn_t_win_hold_up_nothing_where_the_last_winner_was_only_sooner(
    close: Contest,
):
    looked_at(close.store, suspect(effect=HARMLESS), c1=ids_of(close, 2))
    draft = draft_of(close)
    first, second, third = draft.result.rows
    level = replace(draft.result, rows=(first, replace(second, votes=first.votes), third))
    close.store.results.keep(replace(draft, result=level))
    assert close.store.results.doubts() == []


def test_a_case_of_a_number_only_is_decided_by_keeping_it(staffed: Contest):
    case = suspect(finding=Finding.EXCESS)
    looked_at(staffed.store, case)
    assert staffed.store.results.doubts()
    decide(staffed, frozen(staffed, [], case), Decision.KEEP)
    assert staffed.store.results.doubts() == []


def test_a_number_of_votes_is_the_law_s_matter_where_it_says_what_becomes_of_a_close_call(
    contest: Contest,
):
    contest.change(closing=Closing(close_call=CloseCall.JURY))
    cast(contest, [1, 1, 2, 3])
    end(contest)
    looked_at(contest.store, suspect(finding=Finding.EXCESS), suspect("c2", finding=Finding.SURGE))
    (doubt,) = contest.store.results.doubts()
    assert doubt.sentence.startswith("有 1 组可疑的票可能改变获奖名单")


def test_whatever_is_decided_the_draft_must_be_made_anew(staffed: Contest):
    case = suspect(finding=Finding.EXCESS)
    batch = frozen(staffed, [], case)
    draft = draft_of(staffed)
    assert staffed.store.results.is_current(draft)
    decide(staffed, batch, Decision.KEEP)
    assert not staffed.store.results.is_current(draft)


def test_a_void_that_was_cut_off_behind_the_log_makes_the_draft_old(
    staffed: Contest, monkeypatch: pytest.MonkeyPatch
):
    """The log has it, so it is in force, though nobody was there any more to write it out."""
    batch = frozen(staffed, ids_of(staffed, 1)[:1])
    decide(staffed, batch, Decision.ASK_VOID)
    draft = draft_of(staffed)

    def die(_: Batches) -> None:
        raise StoreDown

    with monkeypatch.context() as dying:
        dying.setattr(Batches, "_derive", die)
        with pytest.raises(StoreDown):
            decide(staffed, batch, Decision.VOID)
    with pytest.raises(PublishRefused, match="已经过时"):
        staffed.store.results.publish(draft.digest, "确认", "王组织")
    assert publish(staffed).of(1).votes == 1


def test_a_withdrawal_that_was_cut_off_behind_the_log_makes_the_draft_old(
    checked: Contest, monkeypatch: pytest.MonkeyPatch
):
    """As above, and no worker has come by since: whoever publishes finishes it."""
    draft = draft_of(checked)

    def die(*_: object) -> None:
        raise StoreDown

    with monkeypatch.context() as dying:
        dying.setattr(Entries, "put", die)
        with pytest.raises(StoreDown):
            checked.store.entries.withdraw(1, "争议")
    with pytest.raises(PublishRefused, match="已经过时"):
        checked.store.results.publish(draft.digest, "确认", "王组织")
    assert publish(checked).of(1) is None


@pytest.fixture
def hanging(contest: Contest) -> Contest:
    """Two winners, 5, 3 and 2 votes; one of the second's can't be named, and the jury decides."""
    contest.change(winners=2, closing=Closing(close_call=CloseCall.JURY))
    cast(contest, [1] * 5 + [2] * 3 + [3] * 2)
    end(contest)
    looked_at(contest.store, too_many(2, 1))
    return contest


def too_many(entry: int, votes: float) -> Case:
    """So many votes of an entry are of the kind that nobody can name."""
    entries = ((str(entry), 3),)
    return suspect(
        f"e{entry}", finding=Finding.EXCESS, entries=entries, high=votes, effect=HARMLESS
    )


@pytest.mark.parametrize(
    "later",
    [(), (too_many(2, 2.0),), (too_many(2, 1.0), too_many(1, 4.0))],
    ids=["none", "more", "another's"],
)
def test_a_look_that_finds_another_close_call_makes_the_draft_old(
    hanging: Contest, later: tuple[Case, ...]
):
    draft = draft_of(hanging)
    assert draft.result.excess == ((2, 1), (3, 0))
    looked_at(hanging.store, *later)
    with pytest.raises(PublishRefused, match="已经过时"):
        hanging.store.results.publish(draft.digest, "确认", "王组织", [2], "更好")
    assert draft_of(hanging).result.excess != draft.result.excess


def test_a_look_that_changes_nothing_of_what_is_published_leaves_the_draft_as_it_is(
    hanging: Contest,
):
    draft = draft_of(hanging)
    looked_at(hanging.store, too_many(2, 1), too_many(1, 1))
    assert hanging.store.results.is_current(draft)
    made = hanging.store.results.publish(draft.digest, "确认", "王组织", [2], "更好")
    assert [row.number for row in made.awarded] == [1, 2]


def test_publishing_ends_every_hold_for_good(staffed: Contest):
    batch = frozen(staffed, ids_of(staffed, 1)[:1])
    decide(staffed, batch, Decision.HOLD)
    publish(staffed)
    assert staffed.store.batches.of(batch).state is State.OPEN
    assert board(staffed).held == {}
    staffed.store.results.unpublish("再核")
    assert staffed.store.batches.of(batch).state is State.OPEN
    assert board(staffed).held == {}


def test_a_void_after_publication_means_taking_the_result_back_first(staffed: Contest):
    batch = frozen(staffed, ids_of(staffed, 1)[:1])
    decide(staffed, batch, Decision.ASK_VOID)
    first = publish(staffed)
    with pytest.raises(DecisionRefused, match="请先撤回结果"):
        decide(staffed, batch, Decision.VOID)
    staffed.store.results.unpublish("有新的证据")
    decide(staffed, batch, Decision.VOID)
    second = publish(staffed, "更正")
    assert (first.of(1).votes, second.of(1).votes) == (2, 1)


def test_removed_votes_of_a_withdrawn_entry_are_told_once(staffed: Contest):
    decide(staffed, frozen(staffed, ids_of(staffed, 1)[:1]), Decision.ASK_VOID, Decision.VOID)
    staffed.store.entries.withdraw(1, "争议")
    made = publish(staffed)
    assert [(one.number, one.votes) for one in made.removed] == [(1, 1), (0, 1)]
    assert made.ledger_rows == made.totals.votes + 2


# --- nobody edits a total -----------------------------------------------------------------------

READS = {"hgetall", "hget", "hmget", "exists"}


def test_nothing_but_voting_lua_writes_a_tally():
    """Every mention of the tally's key is an argument of a reading call, or names it for Lua."""
    found = 0
    for file in (ROOT / "voting").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not any(_is_tally(arg) for arg in node.args):
                continue
            found += 1
            assert isinstance(node.func, ast.Attribute), f"{file}:{node.lineno}"
            assert node.func.attr in READS, f"{file}:{node.lineno}: {node.func.attr}"
        mentions = [n.lineno for n in ast.walk(tree) if _names_tally(n)]
        in_calls = [n for n in ast.walk(tree) if _is_tally(n)]
        if file.name != "keys.py":
            assert len(mentions) == len(in_calls), f"{file}:{mentions}"
    assert found >= 2


def test_the_list_of_names_for_lua_is_the_only_other_place_of_the_tally():
    for file in (ROOT / "voting").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.List | ast.Tuple) and any(_is_tally(e) for e in node.elts):
                assert file.name == "ballots.py", f"{file}:{node.lineno}"


def _is_tally(node: ast.AST) -> bool:
    """`keys.TALLY(shard=…)`"""
    return isinstance(node, ast.Call) and _names_tally(node.func)


def _names_tally(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "TALLY"

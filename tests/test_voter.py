"""Tokens that aren't ours are worthless; pseudonyms tell no one from whom they come."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest

from voting.contest import Identity, Verdict
from voting.settings import Keys
from voting.voter import (
    NO_SHARE,
    VIEW_LIVES_MS,
    VIEW_RIPENS_MS,
    Intention,
    Pass,
    Place,
    View,
    Voters,
    Worthless,
)

KEYS = Keys(b"s" * 32, b"p" * 32, b"e" * 32)
NOW = 1_760_000_000_000
LATER = NOW + VIEW_RIPENS_MS
VOTERS = Voters(KEYS, "the-contest")
VIEW = View(b"a view..", 7, NOW)
PASS = VOTERS.new_pass(VIEW)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

ACCOUNT = VOTERS.openid_pass("oABCD-1234_efgh", NOW)

TOKENS = {
    "view": VOTERS.view_token(VIEW),
    "pass": VOTERS.pass_token(PASS),
    "account": VOTERS.pass_token(ACCOUNT),
    "ballot": VOTERS.ballot(PASS, VIEW),
    "intention": VOTERS.set_out(VIEW, 12, b"shar"),
}
READ: dict[str, Callable[[Voters, str], object]] = {
    "view": lambda voters, token: voters.read_view(token, 7, LATER),
    "pass": lambda voters, token: voters.read_pass(token, NOW),
    "account": lambda voters, token: voters.read_pass(token, NOW),
    "ballot": lambda voters, token: voters.read_ballot(token, PASS, 7, LATER),
    "intention": lambda voters, token: voters.read_intention(token, NOW),
}
KINDS = pytest.mark.parametrize("kind", list(TOKENS))


def verdict(kind: str, token: str, voters: Voters = VOTERS) -> Verdict:
    with pytest.raises(Worthless) as worthless:
        READ[kind](voters, token)
    return worthless.value.verdict


@KINDS
def test_our_own_token_reads_back(kind: str):
    assert READ[kind](VOTERS, TOKENS[kind])


@KINDS
def test_a_token_with_any_character_changed_is_worthless(kind: str):
    token = TOKENS[kind]
    # The signature's last character carries two bits that mean nothing.
    for at in range(len(token) - 1):
        forged = token[:at] + ALPHABET[ALPHABET.find(token[at]) - 1] + token[at + 1 :]
        assert verdict(kind, forged) is Verdict.BALLOT_INVALID, at


@KINDS
def test_a_truncated_or_extended_token_is_worthless(kind: str):
    token = TOKENS[kind]
    for end in range(len(token)):
        assert verdict(kind, token[:end]) is Verdict.BALLOT_INVALID
    for more in ("x", ".", "AAAA", ".AAAA", "." + token):
        assert verdict(kind, token + more) is Verdict.BALLOT_INVALID


@KINDS
@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "é.é", "票", "\ud800", "\0", "x" * 10_000, "." * 10_000, "%00"]
)
def test_what_was_never_a_token_is_worthless(kind: str, token: str):
    assert verdict(kind, token) is Verdict.BALLOT_INVALID


@pytest.mark.parametrize("used_as", list(TOKENS))
@KINDS
def test_a_token_of_one_kind_is_worthless_as_another(kind: str, used_as: str):
    if {kind, used_as} != {"pass", "account"} and kind != used_as:
        assert verdict(used_as, TOKENS[kind]) is Verdict.BALLOT_INVALID


@KINDS
@pytest.mark.parametrize(
    "other",
    [Voters(KEYS, "other-contest"), Voters(Keys(b"t" * 32, b"p" * 32, b"e" * 32), "the-contest")],
    ids=["another contest's", "another key's"],
)
def test_another_contest_s_or_key_s_token_is_worthless(kind: str, other: Voters):
    assert verdict(kind, TOKENS[kind], other) is Verdict.BALLOT_INVALID


def test_a_view_or_ballot_for_another_entry_is_foreign():
    with pytest.raises(Worthless) as worthless:
        VOTERS.read_view(TOKENS["view"], 8, LATER)
    assert worthless.value.verdict is Verdict.FOREIGN_BALLOT
    with pytest.raises(Worthless) as worthless:
        VOTERS.read_ballot(TOKENS["ballot"], PASS, 8, LATER)
    assert worthless.value.verdict is Verdict.FOREIGN_BALLOT


def test_another_pass_s_ballot_is_foreign():
    other = VOTERS.new_pass(View(b"another.", 7, NOW))
    with pytest.raises(Worthless) as worthless:
        VOTERS.read_ballot(TOKENS["ballot"], other, 7, LATER)
    assert worthless.value.verdict is Verdict.FOREIGN_BALLOT


def test_a_view_lives_half_an_hour():
    assert VOTERS.read_view(TOKENS["view"], 7, NOW + VIEW_LIVES_MS - 1) == VIEW
    with pytest.raises(Worthless) as worthless:
        VOTERS.read_view(TOKENS["view"], 7, NOW + VIEW_LIVES_MS)
    assert worthless.value.verdict is Verdict.BALLOT_EXPIRED


def test_a_view_and_its_ballot_are_good_a_second_after_the_look_and_not_before():
    assert VOTERS.read_view(TOKENS["view"], 7, LATER) == VIEW
    assert VOTERS.read_ballot(TOKENS["ballot"], PASS, 7, LATER).voter == PASS.voter
    for now_ms in (LATER - 1, NOW, NOW - 10_000):  # another process's clock may be behind
        with pytest.raises(Worthless) as worthless:
            VOTERS.read_view(TOKENS["view"], 7, now_ms)
        assert worthless.value.verdict is Verdict.TOO_EARLY
        with pytest.raises(Worthless) as worthless:
            VOTERS.read_ballot(TOKENS["ballot"], PASS, 7, now_ms)
        assert worthless.value.verdict is Verdict.TOO_EARLY


def test_the_same_view_makes_the_same_pass_and_the_same_ballot():
    assert VOTERS.new_pass(VIEW) == PASS
    assert VOTERS.ballot(PASS, VIEW) == TOKENS["ballot"]
    elsewhere = Voters(KEYS, "the-contest")  # another process
    assert elsewhere.ballot(elsewhere.new_pass(VIEW), VIEW) == TOKENS["ballot"]


def test_two_looks_are_two_views_two_passes_and_two_ballots():
    first, second = VOTERS.look(7, NOW), VOTERS.look(7, NOW)
    assert first.id != second.id
    assert VOTERS.new_pass(first) != VOTERS.new_pass(second)
    tokens = [VOTERS.ballot(PASS, view) for view in (first, second)]
    ballots = [VOTERS.read_ballot(token, PASS, 7, LATER) for token in tokens]
    assert ballots[0].id != ballots[1].id
    assert ballots[0].voter == ballots[1].voter == PASS.voter


def test_one_view_makes_another_ballot_for_another_pass():
    other = VOTERS.new_pass(View(b"another.", 7, NOW))
    mine = VOTERS.read_ballot(TOKENS["ballot"], PASS, 7, LATER)
    theirs = VOTERS.read_ballot(VOTERS.ballot(other, VIEW), other, 7, LATER)
    assert mine.id != theirs.id


def test_a_ballot_carries_its_entry_its_voter_and_when_the_page_was_seen():
    ballot = VOTERS.read_ballot(TOKENS["ballot"], PASS, 7, LATER)
    assert (ballot.entry, ballot.voter, ballot.issued_ms) == (7, PASS.voter, NOW)
    assert VOTERS.read_pass(TOKENS["pass"], NOW) == PASS


def test_the_same_pass_is_another_voter_under_another_pseudonym_key_or_contest():
    others = Voters(Keys(b"s" * 32, b"q" * 32, b"e" * 32), "the-contest")
    assert others.read_pass(TOKENS["pass"], NOW).voter != PASS.voter
    assert Voters(KEYS, "other-contest").new_pass(VIEW).voter != PASS.voter


@KINDS
def test_no_token_shows_the_pseudonym_that_stands_in_the_ledger(kind: str):
    parts = TOKENS[kind].removeprefix("w.").split(".")
    decoded = [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts]
    assert all(decoded)
    for content in (TOKENS[kind].encode(), *decoded):
        for voter in (PASS.voter, ACCOUNT.voter):
            assert voter not in content
            assert voter.hex().encode() not in content


@pytest.mark.parametrize("kind", ["view", "ballot"])
def test_what_a_script_may_read_does_not_hold_the_pass(kind: str):
    part = TOKENS[kind].split(".")[0]
    assert PASS.id not in urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_voter_s_pseudonym_is_not_the_pass_nor_part_of_it():
    assert len(PASS.voter) == 8
    assert PASS.voter not in PASS.id
    assert Pass(PASS.id, PASS.issued_s, PASS.voter, Identity.DEVICE) == PASS


@pytest.mark.parametrize(
    ("one", "other", "same_address", "same_network"),
    [
        ("203.0.113.7", "203.0.113.7", True, True),
        ("203.0.113.7", "203.0.113.200", False, True),
        ("203.0.113.7", "203.0.114.7", False, False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True, True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False, True),
        ("2001:db8:1:2::1", "2001:db8:2:2::1", False, False),
        ("::ffff:203.0.113.7", "203.0.113.7", True, True),
        ("::ffff:203.0.113.7", "203.0.113.8", False, True),
        ("fe80::1%eth0", "fe80::1%wlan0", True, True),
        ("203.0.113.7", "2001:db8:1:2::1", False, False),
    ],
)
def test_an_address_is_a_host_and_its_network_a_24_or_a_48(
    one: str, other: str, same_address: bool, same_network: bool
):
    here, there = VOTERS.place(one), VOTERS.place(other)
    assert (here.address == there.address) is same_address
    assert (here.network == there.network) is same_network
    assert {len(part) for part in (here.address, here.network)} == {6}
    assert here.address != here.network


@pytest.mark.parametrize("garbage", ["", "unknown", "1.2.3", "256.1.1.1", "::g", "1.2.3.4, 5.6"])
def test_no_address_is_zeros(garbage: str):
    assert VOTERS.place(garbage) == Place(bytes(6), bytes(6))


def test_pseudonyms_of_places_and_browsers_need_the_key():
    other = Voters(Keys(b"s" * 32, b"q" * 32, b"e" * 32), "the-contest")
    assert other.place("203.0.113.7") != VOTERS.place("203.0.113.7")
    assert other.agent("Mozilla/5.0") != VOTERS.agent("Mozilla/5.0")
    assert VOTERS.agent("Mozilla/5.0") != VOTERS.agent("Mozilla/6.0")
    assert {len(VOTERS.agent(text)) for text in ("", "x" * 9000, "微信", "\udcff")} == {4}


def test_a_receipt_is_stable_short_and_easily_read_out():
    receipts = [VOTERS.receipt(f"00-{NOW + n}-0") for n in range(2000)]
    assert len(set(receipts)) == 2000
    assert all(re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{2}", r)
               for r in receipts)  # fmt: skip
    assert VOTERS.receipt(f"00-{NOW}-0") == receipts[0]


def test_a_receipt_needs_the_sealing_key_and_is_of_one_contest():
    mine = VOTERS.receipt("00-1-0")
    assert Voters(Keys(b"s" * 32, b"p" * 32, b"f" * 32), "the-contest").receipt("00-1-0") != mine
    assert Voters(KEYS, "other-contest").receipt("00-1-0") != mine
    others_signing = Voters(Keys(b"t" * 32, b"q" * 32, b"e" * 32), "the-contest")
    assert others_signing.receipt("00-1-0") == mine


# --- accounts -----------------------------------------------------------------------------------


def test_an_account_is_the_same_voter_each_time_and_never_a_device():
    later = VOTERS.openid_pass("oABCD-1234_efgh", NOW + 86_400_000)
    assert (later.id, later.voter) == (ACCOUNT.id, ACCOUNT.voter)
    assert ACCOUNT.identity is Identity.OPENID
    assert VOTERS.read_pass(TOKENS["account"], NOW) == ACCOUNT
    assert VOTERS.read_pass(TOKENS["pass"], NOW).identity is Identity.DEVICE
    assert VOTERS.openid_pass("oABCD-1234_efgi", NOW).voter != ACCOUNT.voter


def test_a_device_s_pass_can_t_be_dressed_up_as_an_account_s_nor_the_other_way():
    for token in ("w." + TOKENS["pass"], TOKENS["account"].removeprefix("w.")):
        assert verdict("pass", token) is Verdict.BALLOT_INVALID


def test_an_openid_can_t_be_found_again_without_the_pseudonym_key():
    stranger = Voters(Keys(b"s" * 32, b"q" * 32, b"e" * 32), "the-contest")
    assert stranger.openid_pass("oABCD-1234_efgh", NOW).id != ACCOUNT.id
    assert b"oABCD" not in ACCOUNT.id + ACCOUNT.voter + TOKENS["account"].encode()


def test_an_intention_comes_back_as_it_went_until_its_view_is_too_old():
    token = TOKENS["intention"]
    assert VOTERS.read_intention(token, NOW + VIEW_LIVES_MS - 1) == Intention(VIEW, 12, b"shar")
    with pytest.raises(Worthless) as worthless:
        VOTERS.read_intention(token, NOW + VIEW_LIVES_MS)
    assert worthless.value.verdict is Verdict.BALLOT_EXPIRED


def test_a_state_fits_one_intention_and_tells_nothing_of_it():
    other = VOTERS.set_out(View(b"another.", 7, NOW), 12, b"shar")
    state = VOTERS.state_of(TOKENS["intention"])
    assert re.fullmatch(r"[0-9a-f]{32}", state)
    assert state == VOTERS.state_of(TOKENS["intention"]) != VOTERS.state_of(other)


# --- share codes --------------------------------------------------------------------------------


def test_a_share_code_is_the_visitor_s_own_and_reads_back_as_four_bytes():
    code = VOTERS.share_code(PASS)
    assert re.fullmatch(r"[A-Za-z0-9_-]{10}", code)
    assert code == VOTERS.share_code(PASS) != VOTERS.share_code(VIEW)
    read = VOTERS.read_share_code(code)
    assert len(read) == 4
    assert read != NO_SHARE
    assert VOTERS.written(read) == code
    assert VOTERS.written(NO_SHARE) == ""


def test_a_share_code_that_the_site_did_not_make_is_none():
    code = VOTERS.share_code(PASS)
    changed = [code[:at] + ("A" if one != "A" else "B") + code[at + 1 :]
               for at, one in enumerate(code)]  # fmt: skip
    other = Voters(KEYS, "other-contest").share_code(PASS)
    odd = ["", "x", code + "A", code[:-1], code + "=", "票" * 10, "\ud800", "a1b2c3d4", "A" * 10]
    assert {VOTERS.read_share_code(text) for text in [*changed, other, *odd]} == {NO_SHARE}


def test_one_share_code_is_written_in_one_way():
    code = VOTERS.share_code(PASS)
    codes = (VOTERS.written(n.to_bytes(4, "big")) for n in range(1, 100))
    plain = next(one for one in codes if "-" in one or "_" in one)
    assert VOTERS.read_share_code(plain.replace("-", "+").replace("_", "/")) == NO_SHARE
    assert [last for last in ALPHABET if VOTERS.read_share_code(code[:-1] + last) != NO_SHARE] \
        == [code[-1]]


def test_a_share_code_tells_nothing_of_the_pass():
    read = VOTERS.read_share_code(VOTERS.share_code(PASS))
    assert read not in PASS.id + PASS.voter

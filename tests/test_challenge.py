"""Work before a pass: bound to a view, expiring, and cheap to check, whatever strangers send."""

from __future__ import annotations

import base64
import json
import time
from copy import deepcopy
from typing import Any

import altcha
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.challenge import LIVES_S, Challenges
from voting.voter import View

WORK = 50
CHALLENGES = Challenges(b"s" * 32, "the-contest", WORK)
NOW_MS = int(time.time() * 1000)
VIEW = View(b"a view..", 7, NOW_MS)


def solved(challenge: dict[str, Any]) -> dict[str, Any]:
    """What a page sends before it is written in base64."""
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert solution
    return {"challenge": challenge, "solution": solution.to_dict()}


def written(payload: Any) -> str:
    return base64.b64encode(json.dumps(payload).encode()).decode()


def test_who_solved_it_is_let_in_each_time_with_this_view_and_with_no_other():
    solution = written(solved(CHALLENGES.make(VIEW, NOW_MS)))
    assert CHALLENGES.is_solved(solution, VIEW)
    assert CHALLENGES.is_solved(solution, VIEW)
    assert not CHALLENGES.is_solved(solution, View(b"another.", 7, NOW_MS))


def test_another_process_and_no_other_site_or_contest_knows_it():
    solution = written(solved(CHALLENGES.make(VIEW, NOW_MS)))
    assert Challenges(b"s" * 32, "the-contest", WORK).is_solved(solution, VIEW)
    assert not Challenges(b"s" * 32, "another", WORK).is_solved(solution, VIEW)
    assert not Challenges(b"t" * 32, "the-contest", WORK).is_solved(solution, VIEW)


def test_it_expires():
    past_ms = NOW_MS - (LIVES_S + 5) * 1000
    assert not CHALLENGES.is_solved(written(solved(CHALLENGES.make(VIEW, past_ms))), VIEW)


def test_it_is_of_the_protocol_and_takes_no_more_than_it_says():
    for _ in range(200):
        challenge = CHALLENGES.make(VIEW, NOW_MS)
        assert set(challenge) == {"parameters", "signature"}
        parameters = challenge["parameters"]
        assert (parameters["algorithm"], parameters["cost"]) == ("SHA-256", 1)
        assert len(parameters["keyPrefix"]) == 32
        assert solved(challenge)["solution"]["counter"] < parameters["data"]["most"] == 2 * WORK


def test_two_challenges_of_one_view_are_different():
    made = {json.dumps(CHALLENGES.make(VIEW, NOW_MS)) for _ in range(50)}
    assert len(made) == 50


EASIER = [
    ("keyPrefix", "00"), ("keyPrefix", ""), ("cost", 0), ("expiresAt", 99_999_999_999),
    ("expiresAt", None), ("data", {"view": "00" * 8}), ("data", None), ("algorithm", "PBKDF2"),
    ("nonce", "00" * 16), ("keySignature", "00"), ("cost", 10**9),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), EASIER, ids=str)
def test_a_challenge_that_was_made_easier_is_worthless(name: str, value: object):
    payload = solved(CHALLENGES.make(VIEW, NOW_MS))
    payload["challenge"]["parameters"][name] = value
    assert not CHALLENGES.is_solved(written(payload), VIEW)


def test_a_challenge_of_one_s_own_making_is_worthless():
    own = Challenges(b"mine" * 8, "the-contest", 1).make(VIEW, NOW_MS)
    assert not CHALLENGES.is_solved(written(solved(own)), VIEW)
    unsigned = solved(CHALLENGES.make(VIEW, NOW_MS))
    for signature in (None, "", "00", 7, [], {}):
        unsigned["challenge"]["signature"] = signature
        assert not CHALLENGES.is_solved(written(unsigned), VIEW)


@pytest.mark.parametrize("counter", [-1, 0, 1.5, "3", None, True, 2**32, 10**30, [], {}])
def test_a_solution_that_is_none_is_worthless(counter: object):
    payload = solved(CHALLENGES.make(VIEW, NOW_MS))
    right = payload["solution"]["counter"]
    if counter in (right, bool(right)):
        return
    wrong = deepcopy(payload)
    wrong["solution"]["counter"] = counter
    assert not CHALLENGES.is_solved(written(wrong), VIEW)
    wrong["solution"] = {"counter": right, "derivedKey": counter}
    assert not CHALLENGES.is_solved(written(wrong), VIEW)


JUNK = [
    "", "x", "票", "\ud800", "\0", "=" * 100, "AAAA", "." * 16_000, "W" * 16_000,
    base64.b64encode(b"[" * 12_000).decode(), base64.b64encode(b'{"a":' * 2_400).decode(),
    base64.b64encode(b'{"challenge":' * 900 + b"1" + b"}" * 900).decode(),
    base64.b64encode(b'{"challenge": {"parameters": {}}}').decode(),
    base64.b64encode(b'{"challenge": {"parameters": {"expiresAt": NaN}}}').decode(),
    base64.b64encode(b'{"challenge": ' + b"9" * 9_000 + b"}").decode(),
    base64.b64encode("票".encode("gbk")).decode(),
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk[:16]))
def test_junk_is_worthless_and_breaks_nothing(junk: str):
    assert CHALLENGES.is_solved(junk, VIEW) is False


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
PARTS = ("algorithm", "cost", "keyLength", "keyPrefix", "nonce", "salt", "expiresAt", "data",
         "memoryCost", "keySignature")  # fmt: skip


@given(json_values, st.sampled_from(["", "challenge", "solution", "parameters", *PARTS]))
def test_whatever_stands_in_its_place_is_worthless(value: object, part: str):
    payload: Any = solved(CHALLENGES.make(VIEW, NOW_MS))
    right = payload["challenge"]["parameters"].get(part)
    if not part:
        payload = value
    elif part in payload:
        payload[part] = value
    elif part == "parameters":
        payload["challenge"]["parameters"] = value
    elif value != right and not (value is None and right is None):
        payload["challenge"]["parameters"][part] = value
    else:
        return
    assert CHALLENGES.is_solved(written(payload), VIEW) is False

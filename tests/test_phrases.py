"""A case in words."""

from __future__ import annotations

import pytest

from voting.case import Effect
from voting.phrases import effect, entry


@pytest.mark.parametrize(
    ("name", "words"), [("7", "007 号"), ("e017", "e017"), ("1024", "1024 号"), ("²", "²")]
)
def test_an_entry_is_called_as_its_ledger_calls_it(name: str, words: str):
    assert entry(name) == words


def test_an_effect_is_told_with_its_places():
    found = Effect(("4",), ("11",), (("4", 3, 12), ("5", 1, 1)))
    assert effect(found, 10) == "004 号 从第 3 名到第 12 名，011 号 进入前 10 名"
    assert effect(Effect(), 10) == "名次不变"
    assert effect(Effect(("a",), (), ()), 3) == "a 退出前 3 名"

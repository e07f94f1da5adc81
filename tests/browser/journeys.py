"""Steps that several journeys take."""

from __future__ import annotations

from typing import Final

from hands import Hands

READY: Final = ".votebar [data-state=ready]"

#: This visitor votes in another tab, so that the page at hand doesn't know.
ELSEWHERE: Final = """
window.elsewhere = '';
const call = (method, path, body) => fetch(path, {method, headers: {'Content-Type':
  'application/json'}, body: body && JSON.stringify(body)}).then(answer => answer.json());
const vote = async number => {
  const me = await call('GET', '/api/v1/me?entry=' + number);
  await new Promise(done => setTimeout(done, 1100));
  const ballot = me.ballot ||
    (await call('POST', '/api/v1/passes', {entry: number, view: me.view})).ballot;
  return (await call('POST', '/api/v1/entries/' + number + '/votes', {ballot})).code;
};
arguments[0].reduce((before, number) => before.then(said => vote(number).then(
  code => said + code + ' ')), Promise.resolve('')).then(
  said => { window.elsewhere = said; }, error => { window.elsewhere = String(error); });
"""


def vote_elsewhere(hands: Hands, *numbers: int) -> None:
    hands.run(ELSEWHERE, list(numbers))
    said = hands.wait_for("window.elsewhere")
    assert said.split() == ["accepted"] * len(numbers), said


def vote(hands: Hands) -> None:
    """Tap the button of the entry at hand; what is counted shows."""
    hands.tap(READY)
    hands.wait_to_read(".say", "已计入这一票")


def state(hands: Hands) -> str:
    """What the button is: ready, voted, used, off, wait, busy."""
    return str(hands.wait_for("document.querySelector('.votebar button.vote').dataset.state"))


def wait_for_state(hands: Hands, wanted: str) -> None:
    hands.wait_for(f"document.querySelector('.votebar [data-state={wanted}]')")


def left(hands: Hands) -> int:
    """How many votes the button says are left."""
    hands.wait_for(r"/\d+ 票/.test(document.querySelector('.votebar .vote small').innerText)")
    script = r"return document.querySelector('.votebar .vote small').innerText.match(/(\d+) 票/)[1]"
    return int(hands.run(script))

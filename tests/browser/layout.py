"""What is wrong with how a page lies in its window: scripts that answer with what they found."""

from __future__ import annotations

from typing import Final

#: All text so many times as large, as WeChat's largest step (1.4) does it.
ENLARGE: Final = """
const times = arguments[0];
const nodes = [...document.querySelectorAll('body, body *')];
const sizes = nodes.map(node => parseFloat(getComputedStyle(node).fontSize));
nodes.forEach((node, n) =>
  node.style.setProperty('font-size', sizes[n] * times + 'px', 'important'));
"""

#: What is wider than the window.
TOO_WIDE: Final = """
const room = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= room) return [];
return ['the page is ' + document.documentElement.scrollWidth + ' wide: ' +
  [...document.querySelectorAll('body *')].filter(node => {
    const box = node.getBoundingClientRect();
    return box.width && box.right > room + 1 && !node.closest('[hidden], .hide');
  }).slice(0, 3).map(node => node.outerHTML.slice(0, 90)).join(' | ')];
"""

#: Text that doesn't fit into its button, bar or field; and what can't be hit with a finger.
CUT_OR_SMALL: Final = """
const found = [];
const seen = node => node.getClientRects().length && getComputedStyle(node).visibility !== 'hidden'
  && !node.closest('[hidden], .hide');
const name = node => node.outerHTML.replace(/<svg.*?<\\/svg>/s, '').slice(0, 90);
for (const node of document.querySelectorAll(
    'button, .button, .vote, .bar, .nav, .nav a, .short, .chips a, .sorts a, .pages a, .tags,' +
    ' summary')) {
  if (!seen(node)) continue;
  const style = getComputedStyle(node);
  const scrolls = way => /auto|scroll/.test(way);
  if (style.display === 'inline') continue;
  const wide = node.scrollWidth, high = node.scrollHeight;
  if (wide > node.clientWidth + 1 && !scrolls(style.overflowX))
    found.push('cut at the side (' + wide + ' in ' + node.clientWidth + '): ' + name(node));
  if (high > node.clientHeight + 2 && !scrolls(style.overflowY))
    found.push('cut below (' + high + ' in ' + node.clientHeight + '): ' + name(node));
}
const reach = node => {
  const box = node.getBoundingClientRect();
  let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
  for (const part of ['::before', '::after']) {  // an area laid over it counts
    const style = getComputedStyle(node, part);
    if (style.content === 'none' || style.position !== 'absolute') continue;
    const holder = getComputedStyle(node).position !== 'static' ? node : node.offsetParent;
    if (!holder) continue;
    const its = holder.getBoundingClientRect(), px = value => parseFloat(value) || 0;
    if ([style.top, style.right, style.bottom, style.left].includes('auto')) continue;
    left = Math.min(left, its.left + px(style.left));
    right = Math.max(right, its.right - px(style.right));
    top = Math.min(top, its.top + px(style.top));
    bottom = Math.max(bottom, its.bottom - px(style.bottom));
  }
  return [right - left, bottom - top];
};
for (const node of document.querySelectorAll(
    'button, a.button, .vote, .nav a, .short, .chips a, .sorts a, .pages a, .card h2 a,' +
    ' .row h3 a, summary, input[type=search]')) {
  if (!seen(node) || node.closest('.skip')) continue;
  const [width, height] = reach(node);
  if (Math.min(width, height) < 43.5)
    found.push('small (' + width.toFixed() + ' × ' + height.toFixed() + '): ' + name(node));
}
return [...new Set(found)];
"""

#: What stands in the way of a finger on the large button, which is to be in sight at once.
VOTE_OUT_OF_REACH: Final = """
const vote = document.querySelector('.votebar .vote');
if (!vote) return [];
const box = vote.getBoundingClientRect();
if (box.top < 0 || box.bottom > innerHeight + 1) return ['the vote is out of sight'];
const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
if (vote === top || vote.contains(top)) return [];
return ['the vote is covered by ' + (top ? top.outerHTML.slice(0, 90) : 'nothing')];
"""

#: From the page's beginning on: how much of it jumped, also right after a tap.
WATCH_SHIFTS: Final = """
window.shifts = [];
const said = ({node}) => node && node.outerHTML ? node.outerHTML.slice(0, 60) : String(node);
new PerformanceObserver(list => list.getEntries().forEach(one =>
  window.shifts.push([one.value, one.sources.map(said).join(' | ')]))
).observe({type: 'layout-shift', buffered: true});
"""

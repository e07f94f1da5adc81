/* The review queue: one key for each decision; whoever has no keyboard presses the same buttons. */
(function () {
  'use strict';

  var desk = document.querySelector('.desk');
  var map = document.querySelector('.keymap');
  var SETTLE_MS = 600; // a second press of the key that brought this page decides nothing
  var HOLD_MS = 120000;
  var since = performance.now();
  var sent = false;

  if (!desk) return;

  function of(key) { return desk.querySelector('[data-hit="' + key + '"]'); }
  function opened() { return desk.querySelector('details.ask[open]'); }

  // ---- deciding ----

  function close() {
    var open = opened();
    if (open) {
      open.open = false;
      document.activeElement.blur();
    }
    return Boolean(open);
  }

  function open(asking) {
    close();
    asking.open = true;
    var field = asking.querySelector('input[name=title], [aria-pressed], input[type=checkbox], input:not([type=hidden])');
    if (field) field.focus({ preventScroll: Boolean(asking.closest('.decide')) });
    if (field && field.name === 'title') field.select();
  }

  function approve() {
    close();
    document.getElementById('approve').requestSubmit(of('a')); // what must be ticked first says so itself
  }

  /** A digit in the question that is open. */
  function pick(digit) {
    var found = opened().querySelector('[data-digit="' + digit + '"]');
    if (!found) return;
    if (found.type === 'checkbox') found.checked = !found.checked;
    else if (found.tagName === 'BUTTON') { if (performance.now() - since > SETTLE_MS) found.click(); }
    else found.focus();
  }

  document.addEventListener('keydown', function (event) {
    var key = window.pressed(event);
    var box = /^[dl]$/.test(key) && of(key);
    if (key === 'escape') { if (close()) event.preventDefault(); return; }
    if (!key || performance.now() - since < SETTLE_MS) return;
    if (key === '?') map.showModal();
    else if (key === 'a') approve();
    else if (key === 'n') of('n').click();
    else if (/^[rtc]$/.test(key)) { if (of(key).open) close(); else open(of(key)); }
    else if (box) box.checked = !box.checked;
    else if (/^\d$/.test(key) && opened()) pick(key);
    else return;
    event.preventDefault();
  }, true);

  // Opened with a mouse or a finger, a question puts the cursor into its field as well.
  desk.addEventListener('click', function (event) {
    var asking = event.target.closest('details.ask > summary');
    if (!asking) return;
    event.preventDefault();
    if (asking.parentNode.open) close(); else open(asking.parentNode);
  });

  document.addEventListener('submit', function (event) {
    if (sent) event.preventDefault();
    sent = event.target.method !== 'dialog';
  });
  window.addEventListener('pageshow', function () { sent = false; });

  var keys = document.querySelector('.help-keys');
  keys.hidden = false;
  keys.addEventListener('click', function () { map.showModal(); });

  // ---- others ----

  /** Says that somebody is looking at this one, and learns what others have done with it meanwhile. */
  function hold() {
    if (document.hidden) return;
    fetch('/organizer/review/' + desk.getAttribute('data-number') + '.json').then(function (answer) { return answer.ok ? answer.json() : null; }).then(function (told) {
      if (told && told.state !== 'pending') tell('这一件刚刚有人审过了，按 N 看下一件。');
      else if (told && told.holder && !document.getElementById('holder')) tell(told.holder + ' 也在看这一件；先决定的算数。');
    }).catch(function () { /* no network: the next decision will say so */ });
  }

  function tell(sentence) {
    var note = document.querySelector('.news') || document.createElement('p');
    note.className = 'note warn news';
    note.setAttribute('role', 'status');
    note.textContent = sentence;
    desk.querySelector('.sheet').prepend(note);
  }

  setInterval(hold, HOLD_MS);
  document.addEventListener('visibilitychange', hold);

  // ---- the next one's pictures, while this one is looked at ----

  window.addEventListener('load', function () {
    var coming = desk.getAttribute('data-coming');
    if (!coming || (navigator.connection && navigator.connection.saveData)) return;
    coming.split(' ').forEach(function (address) { new Image().src = address; });
  });
})();

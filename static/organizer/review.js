/* The review queue: one key for each decision; whoever has no keyboard presses the same buttons. */
(function () {
  'use strict';

  var desk = document.querySelector('.desk');
  var HOLD_MS = 120000;
  var sent = false;

  if (!desk) return;

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
    if (!asking.closest('.decide')) asking.scrollIntoView({ block: 'nearest' });
  }

  /** A digit in the question that is open. */
  Console.key('0123456789'.split(''), '', function (digit) {
    var found = opened() && opened().querySelector('[data-digit="' + digit + '"]');
    if (!found) return false;
    if (found.type === 'text') found.focus();
    else found.click();
  });
  Console.key('escape', '', close);

  // Opened by whatever means, a question puts the cursor into its field as well.
  desk.addEventListener('click', function (event) {
    var asking = event.target.closest('details.ask > summary');
    if (!asking) return;
    event.preventDefault();
    if (asking.parentNode.open) close(); else open(asking.parentNode);
  });

  desk.addEventListener('click', function (event) {
    if (event.target.closest('.shut') && close()) event.preventDefault();
  });

  /** A refusal says why; asked here, so that the question stays open. */
  var why = desk.querySelector('.refuse form');
  why.addEventListener('input', function () { why.elements.reason.setCustomValidity(''); });
  why.querySelector('.danger').addEventListener('click', function () {
    var given = why.querySelector('[name=ready]:checked') || why.elements.reason.value.trim();
    why.elements.reason.setCustomValidity(given ? '' : '请选一条理由，或者在这里写一句');
  });

  document.addEventListener('submit', function (event) {
    if (sent) event.preventDefault();
    sent = event.target.method !== 'dialog';
  });
  window.addEventListener('pageshow', function () { sent = false; });

  var keys = document.querySelector('.help-keys');
  keys.hidden = false;
  keys.addEventListener('click', Console.list);

  // ---- others ----

  /** Says that somebody is looking at this one, and learns what others have done with it meanwhile. */
  Console.poll(function () { return '/organizer/review/' + desk.dataset.number + '.json'; }, HOLD_MS, function (told) {
    if (told.state !== 'pending') tell('这一件刚刚有人审过了，按 N 看下一件。');
    else if (told.holder && !document.getElementById('holder')) tell(told.holder + ' 也在看这一件；先决定的算数。');
  });

  function tell(sentence) {
    var note = document.querySelector('.news') || document.createElement('p');
    note.className = 'note warn news';
    note.setAttribute('role', 'status');
    note.textContent = sentence;
    desk.querySelector('.sheet').prepend(note);
  }

  // ---- the next one's pictures, while this one is looked at ----

  window.addEventListener('load', function () {
    var coming = desk.getAttribute('data-coming');
    if (!coming || (navigator.connection && navigator.connection.saveData)) return;
    coming.split(' ').forEach(function (address) { new Image().src = address; });
  });
})();

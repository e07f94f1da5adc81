/* Shared by the console's pages.

   Keys: an element with data-key="a" is clicked when its key is pressed (a field is focused); its words in
   the list that ? opens are data-words, or its text. A script adds others: Console.key('j', '下一件', go).
   Keys rest while somebody types, and while a dialog is open.

   data-confirm="…" on a form or button: asks before it sends. data-copy="#id" copies that element's text.
   Console.post(path, body) → Promise of {ok, status, data}: JSON with the CSRF token. */
var Console = (function () {
  'use strict';

  var keys = [];

  function key(letter, words, run) {
    keys.push({ letter: letter, words: words, run: run });
  }

  function token() {
    var meta = document.querySelector('meta[name=csrf-token]');
    return meta ? meta.content : '';
  }

  function post(path, body) {
    return fetch(path, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': token() },
      body: JSON.stringify(body || {})
    }).then(function (answer) {
      return answer.json().catch(function () { return {}; }).then(function (data) {
        return { ok: answer.ok, status: answer.status, data: data };
      });
    }).catch(function () {
      return { ok: false, status: 0, data: { detail: '网络不通，没有等到结果。', next: '连上网络后再试一次。' } };
    });
  }

  function writing(element) {
    return /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && !/^(checkbox|radio|button|submit)$/.test(element.type) ||
      element.isContentEditable;
  }

  function marked() {
    return [].filter.call(document.querySelectorAll('[data-key]'), function (element) {
      return !element.disabled && element.getClientRects().length;
    });
  }

  function press(element) {
    if (writing(element)) {
      element.focus();
      if (element.select) element.select();
    } else {
      element.click();
    }
  }

  function name(letter) {
    return { Enter: '回车', ' ': '空格', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓' }[letter] || letter;
  }

  function list() {
    var dialog = document.createElement('dialog');
    var title = document.createElement('h2');
    var all = document.createElement('dl');
    var rows = marked().map(function (element) {
      return { letter: element.dataset.key, words: element.dataset.words || element.getAttribute('aria-label') || element.textContent };
    }).concat(keys, [{ letter: '?', words: '这张按键表' }, { letter: 'Esc', words: '关上' }]);
    title.textContent = '这一页的按键';
    all.className = 'keys';
    rows.forEach(function (row) {
      var dt = document.createElement('dt'), dd = document.createElement('dd'), kbd = document.createElement('kbd');
      kbd.textContent = name(row.letter);
      dd.textContent = row.words.replace(/\s+/g, ' ').trim();
      dt.appendChild(kbd);
      all.appendChild(dt);
      all.appendChild(dd);
    });
    dialog.appendChild(title);
    dialog.appendChild(all);
    dialog.addEventListener('close', function () { dialog.remove(); });
    dialog.addEventListener('click', function (event) { if (event.target === dialog) dialog.close(); });
    document.body.appendChild(dialog);
    dialog.showModal();
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (writing(event.target) || document.querySelector('dialog[open]')) return;
    // A button in focus already answers to these.
    if ((event.key === 'Enter' || event.key === ' ') && event.target !== document.body) return;
    if (event.key === '?' || event.key === '？') {
      event.preventDefault();
      list();
      return;
    }
    var wanted = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    var element = marked().filter(function (one) { return one.dataset.key === wanted; })[0];
    var own = keys.filter(function (one) { return one.letter === wanted; })[0];
    if (!element && !own) return;
    event.preventDefault();
    if (event.repeat && element) return; // a key held down is one decision, not thirty
    if (element) press(element); else own.run(event);
  }

  document.addEventListener('keydown', pressed);

  document.addEventListener('submit', function (event) {
    var asking = event.submitter && event.submitter.dataset.confirm || event.target.dataset.confirm;
    if (asking && !window.confirm(asking)) event.preventDefault();
  });

  // Sent once: a second press would say it twice.
  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method !== 'post') return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = 'yes';
    setTimeout(function () { delete form.dataset.sent; }, 8000);
  });
  window.addEventListener('pageshow', function () {
    [].forEach.call(document.querySelectorAll('form[data-sent]'), function (form) { delete form.dataset.sent; });
  });

  document.addEventListener('click', function (event) {
    var button = event.target.closest && event.target.closest('[data-copy]');
    if (!button || !navigator.clipboard) return;
    var source = document.querySelector(button.dataset.copy);
    navigator.clipboard.writeText(source.value || source.textContent.trim()).then(function () {
      var words = button.textContent;
      button.textContent = '已复制';
      setTimeout(function () { button.textContent = words; }, 1500);
    });
  });

  // A page that only asks by itself lets the session idle; somebody at it keeps it awake.
  var said = Date.now();
  function awake() {
    if (Date.now() - said < 5 * 60000 || !document.querySelector('.rail')) return;
    said = Date.now();
    fetch('/organizer/alive', { credentials: 'same-origin' }).catch(function () {});
  }
  ['pointerdown', 'keydown', 'wheel', 'touchstart'].forEach(function (what) {
    document.addEventListener(what, awake, { passive: true });
  });

  // On a phone the tabs are a row that scrolls: where you are should be in sight.
  var here = document.querySelector('.tabs [aria-current], .tabs .near');
  var row = here && here.closest('ul');
  if (row && row.scrollWidth > row.clientWidth) {
    row.scrollLeft = here.offsetLeft - row.clientWidth / 2 + here.offsetWidth / 2;
  }

  return { key: key, post: post, token: token };
})();

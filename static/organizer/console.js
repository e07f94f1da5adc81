/* Shared by the console's pages.

   Keys: an element with data-key="a" is clicked when its key is pressed (a field is focused); its words in
   the list that ? opens are data-words, or its text. A script adds others: Console.key('s', '快放', faster).
   Keys rest while somebody types, and while a dialog is open.

   data-until="ms" counts down; data-copy="#id" copies that element's text. Console.poll(…) keeps asking. */
const Console = (() => {
  'use strict';

  // ---- keys ----

  const NAMES = { ' ': '空格', arrowleft: '←', arrowright: '→', escape: 'Esc' };
  const SETTLE_MS = 600; // a second press of the key that brought this page decides nothing
  const keys = [];

  /** Each of `letters` calls run(letter), which may return false to leave it to others; without words it isn't listed. */
  function key(letters, words, run) {
    keys.push({ letters: [].concat(letters), words, run });
  }

  function writing(element) {
    return /^(TEXTAREA|SELECT)$/.test(element.tagName) || element.tagName === 'INPUT' && !/^(checkbox|radio)$/.test(element.type);
  }

  /** The key that was pressed, whatever the input method makes of it; '' where keys have another meaning. */
  function pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing) return '';
    if (document.querySelector('dialog[open]')) return '';
    if (writing(event.target)) return event.key === 'Escape' ? 'escape' : '';
    if (event.key === ' ' && /^(BUTTON|SUMMARY|INPUT)$/.test(event.target.tagName)) return ''; // they answer to it
    if (event.key === '?' || event.key === '？') return '?';
    const code = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code || '');
    return code ? code[1].toLowerCase() : event.key.toLowerCase();
  }

  function marked() {
    return [...document.querySelectorAll('[data-key]')].filter(one => !one.disabled && one.getClientRects().length);
  }

  function press(element) {
    if (performance.now() - settled < SETTLE_MS) return;
    if (!writing(element)) { element.click(); return; }
    element.focus();
    if (element.select) element.select();
  }

  function list() {
    const dialog = document.createElement('dialog'), title = document.createElement('h2'), all = document.createElement('dl');
    const rows = marked().map(one => ({ letters: [one.dataset.key], words: one.dataset.words || one.textContent }))
      .concat(keys.filter(one => one.words), { letters: ['?'], words: '这张按键表' }, { letters: ['escape'], words: '收起，不改了' });
    title.textContent = '这一页的按键';
    all.className = 'keys';
    for (const row of rows) {
      const dt = document.createElement('dt'), dd = document.createElement('dd');
      for (const letter of row.letters) {
        const kbd = document.createElement('kbd');
        kbd.textContent = NAMES[letter] || letter.toUpperCase();
        dt.append(kbd, ' ');
      }
      dd.textContent = row.words.replace(/\s+/g, ' ').trim();
      all.append(dt, dd);
    }
    const close = document.createElement('form');
    close.method = 'dialog';
    close.innerHTML = '<button class="main" autofocus>知道了</button>';
    dialog.setAttribute('aria-label', title.textContent);
    dialog.append(title, all, close);
    dialog.addEventListener('close', () => dialog.remove());
    dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
  }

  const settled = performance.now();
  key('?', '', list);
  document.addEventListener('keydown', event => {
    const letter = pressed(event);
    if (!letter) return;
    const element = marked().find(one => one.dataset.key === letter);
    if (element) press(element);
    else if (!keys.some(one => one.letters.includes(letter) && one.run(letter) !== false)) return;
    event.preventDefault();
  }, true);

  // ---- asking again and again ----

  /** Asks for JSON at once and then every so often while the page is in sight, less often while nobody answers.
      told(data) and missed(status), 0 for no answer, may return true to end it. Returns what asks at once. */
  function poll(address, everyMs, told, missed) {
    let wait = everyMs, timer = 0, asked = 0, over = false;
    async function ask() {
      clearTimeout(timer);
      if (over || document.hidden) return;
      const mine = ++asked;
      let data = null, status = 0;
      try {
        const answer = await fetch(address(), { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(10000) });
        status = answer.status;
        if (answer.ok) data = await answer.json();
      } catch { /* no answer, or half of one */ }
      if (mine !== asked) return;
      wait = data ? everyMs : Math.min(wait * 2, 60000);
      over = Boolean(data ? told(data) : missed && missed(status));
      if (!over) timer = setTimeout(ask, wait);
    }
    document.addEventListener('visibilitychange', ask);
    window.addEventListener('online', ask);
    ask();
    return ask;
  }

  // ---- counting down ----

  let ahead = 0; // the server's clock, seen from ours
  const now = () => Date.now() + ahead;
  const two = n => String(n).padStart(2, '0');

  function countDown() {
    for (const one of document.querySelectorAll('[data-until]')) {
      const s = Math.max(0, Math.floor((one.dataset.until - now()) / 1000));
      const words = s >= 86400 ? `${Math.floor(s / 86400)} 天 ${Math.floor(s % 86400 / 3600)} 小时`
        : `${two(Math.floor(s / 3600))}:${two(Math.floor(s % 3600 / 60))}:${two(s % 60)}`;
      if (one.textContent !== words) one.textContent = words;
    }
  }

  /** What the server's clock says right now, in ms. */
  function setClock(ms) {
    ahead = ms - Date.now();
    countDown();
  }

  setInterval(countDown, 1000);

  // ---- forms ----

  // The browser's own words, in its own language, say that a field is missing but not why it is asked for.
  const MUST = '这一项要填';
  document.addEventListener('invalid', event => {
    const field = event.target;
    if (field.validity.valueMissing) field.setCustomValidity(field.dataset.must || (field.name === 'reason' ? '请用一句话写明理由' : MUST));
  }, true);
  for (const what of ['input', 'change']) {
    document.addEventListener(what, event => { if (event.target.setCustomValidity) event.target.setCustomValidity(''); }, true);
  }

  // Sent once: a second press would say it twice.
  document.addEventListener('submit', event => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== 'post') return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = 'yes';
    setTimeout(() => delete form.dataset.sent, 8000);
  });
  window.addEventListener('pageshow', () => {
    for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
  });

  document.addEventListener('click', async event => {
    const button = event.target.closest && event.target.closest('[data-copy]');
    if (!button || !navigator.clipboard) return;
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent.trim());
    const words = button.textContent;
    button.textContent = '已复制';
    setTimeout(() => { button.textContent = words; }, 1500);
  });

  // A page that only asks by itself lets the session idle; somebody at it keeps it awake.
  let said = Date.now();
  function awake() {
    if (Date.now() - said < 5 * 60000 || !document.querySelector('.rail')) return;
    said = Date.now();
    fetch('/organizer/alive').catch(() => {});
  }
  for (const what of ['pointerdown', 'keydown', 'wheel', 'touchstart']) document.addEventListener(what, awake, { passive: true });

  // On a phone the tabs are a row that scrolls: where you are should be in sight.
  const here = document.querySelector('.tabs [aria-current], .tabs .near');
  const row = here && here.closest('ul');
  if (row && row.scrollWidth > row.clientWidth) row.scrollLeft = here.offsetLeft - row.clientWidth / 2 + here.offsetWidth / 2;

  return { key, list, now, poll, setClock, two };
})();

/* Shared by all pages: calls, what this device remembers, countdowns, the gallery's order.
   Plain scripts in the syntax of 2018, because WeChat's kernels on old phones are that old. */
(function () {
  'use strict';

  var DAY = 86400000;
  var SHANGHAI = 8 * 3600000;
  var NO_ANSWER = {
    ok: false, status: 0, wait_s: 0,
    data: { code: 'no_network', detail: '网络不通，没有等到结果', next: '连上网络后再按一次，不会重复计票' }
  };
  var landed = location.href;
  var daily = document.body.getAttribute('data-period') !== 'contest';
  var skew = kept('sessionStorage', 'skew') || 0; // how far this device's clock is behind the site's
  var today = dayOf(now());

  function pause(ms) {
    return new Promise(function (done) { setTimeout(done, ms); });
  }

  // ---- calls ----

  function request(method, path, body, signal) {
    var options = { method: method, headers: { Accept: 'application/json' }, credentials: 'same-origin', signal: signal };
    if (body) {
      options.headers['Content-Type'] = 'application/json';
      options.body = JSON.stringify(body);
    }
    return fetch(path, options).then(function (answer) {
      setClock(Date.parse(answer.headers.get('Date')));
      return answer.json().catch(function (error) {
        if (answer.ok) throw error; // it was cut off on the way
        return {};
      }).then(function (data) {
        return { ok: answer.ok, status: answer.status, data: data, wait_s: Number(answer.headers.get('Retry-After')) || 0 };
      });
    });
  }

  /** One JSON call → {ok, status, data, wait_s}; no answer within so many seconds is status 0. */
  function call(method, path, body, patience_s) {
    var abort = window.AbortController && new AbortController();
    var answered = request(method, path, body, abort ? abort.signal : undefined).catch(function () { return NO_ANSWER; });
    return Promise.race([answered, pause((patience_s || 8) * 1000).then(function () {
      if (abort) abort.abort();
      return NO_ANSWER;
    })]);
  }

  /** The same call again, three times more and more patiently, while the answer is lost or the
      store is away; or a second later, when it came too soon after the page was opened. */
  function firmly(method, path, body, turn) {
    var again = turn || 0;
    return call(method, path, body, 8 * (again + 1)).then(function (answer) {
      if (again >= 3 || [0, 425, 500, 502, 503, 504].indexOf(answer.status) < 0) return answer;
      return pause(answer.status === 425 ? 1000 : 500 * Math.pow(2, again) + Math.random() * 300).then(function () {
        return firmly(method, path, body, again + 1);
      });
    });
  }

  /** This page as it is by now, as a document. */
  function again() {
    return fetch(location.pathname).then(function (answer) { return answer.text(); }).then(function (html) {
      return new DOMParser().parseFromString(html, 'text/html');
    });
  }

  // ---- what is kept ----

  /** What this device ('localStorage') or this tab ('sessionStorage') keeps; null if it may not. */
  function kept(place, name, value) {
    try {
      if (value === undefined) return JSON.parse(window[place].getItem(name));
      window[place].setItem(name, JSON.stringify(value));
    } catch (e) { /* private mode */ }
    return null;
  }

  /** Votes cast on this device, newest first: [{number, title, at, receipt}]. */
  function votes() {
    return kept('localStorage', 'votes') || [];
  }

  function remember(vote) {
    var others = votes().filter(function (one) { return one.receipt !== vote.receipt; });
    kept('localStorage', 'votes', [vote].concat(others).slice(0, 300));
  }

  // ---- time ----

  /** The site's clock, if this device's is plainly wrong. */
  function now() { return Date.now() + skew; }

  function setClock(ms) {
    var behind = ms - Date.now();
    skew = Math.abs(behind) > 10000 ? behind : 0;
    kept('sessionStorage', 'skew', skew);
  }

  /** The contest's calendar day of a moment, as days since the epoch. */
  function dayOf(ms) { return Math.floor((ms + SHANGHAI) / DAY); }

  function two(n) { return (n < 10 ? '0' : '') + n; }

  function clock(ms) {
    var t = new Date(ms + SHANGHAI);
    return two(t.getUTCHours()) + ':' + two(t.getUTCMinutes()) + ':' + two(t.getUTCSeconds());
  }

  function moment(ms) {
    var t = new Date(ms + SHANGHAI);
    return (t.getUTCMonth() + 1) + '月' + t.getUTCDate() + '日 ' + clock(ms).slice(0, 5);
  }

  function remaining(ms) {
    var s = Math.floor(ms / 1000);
    if (s >= 86400) return Math.floor(s / 86400) + ' 天 ' + Math.floor(s % 86400 / 3600) + ' 小时';
    return two(Math.floor(s / 3600)) + ':' + two(Math.floor(s % 3600 / 60)) + ':' + two(s % 60);
  }

  function everySecond() {
    all('[data-until]').forEach(function (clock) {
      var left = clock.getAttribute('data-until') - now();
      var words = left > 0 ? remaining(left) : '';
      if (clock.textContent === words) return;
      clock.textContent = words;
      if (!words) turn();
    });
    if (today === dayOf(now())) return;
    today = dayOf(now());
    turn();
  }

  /** The vote opens or closes, or a day begins: what is shown is asked again, not by all at once. */
  function turn() {
    setTimeout(function () { window.dispatchEvent(new Event('turn')); }, 500 + Math.random() * 2500);
  }

  // ---- what pages are made of ----

  function all(css, root) { return [].slice.call((root || document).querySelectorAll(css)); }

  function count(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ','); }

  /** An element of this class; `parts` is a text, or texts and elements. */
  function make(tag, name, parts) {
    var node = document.createElement(tag);
    if (name) node.className = name;
    [].concat(parts || []).forEach(function (part) {
      node.appendChild(part.nodeType ? part : document.createTextNode(part));
    });
    return node;
  }

  function link(to, words, name) {
    var node = make('a', name, words);
    node.href = to;
    return node;
  }

  function seal() {
    var mark = make('span', 'seal', '已投');
    mark.setAttribute('role', 'img');
    mark.setAttribute('aria-label', '您投过');
    return mark;
  }

  /** Copy a text → whether it worked. Without TLS there is no clipboard, so a field beside `near`
      is selected and copied as browsers always could. */
  function copy(text, near) {
    function byHand() {
      var field = near.parentNode.appendChild(make('textarea', 'hide', text));
      var copied = false;
      field.readOnly = true;
      field.select();
      field.setSelectionRange(0, text.length);
      try { copied = document.execCommand('copy'); } catch (e) { /* some kernels forbid it */ }
      near.parentNode.removeChild(field);
      near.focus();
      return copied;
    }
    if (!navigator.clipboard) return Promise.resolve(byHand());
    return navigator.clipboard.writeText(text).then(function () { return true; }, byHand);
  }

  // ---- the gallery ----

  /** The order travels in the address, so that going back finds the same one; and who comes back
      from a work by a link finds the place, too. */
  function keepOrder(section) {
    if (location.search.indexOf('o=') < 0) {
      var mark = (location.search ? '&' : '?') + 'o=' + section.getAttribute('data-order');
      history.replaceState(history.state, '', location.pathname + location.search + mark);
    }
    var place = location.pathname + location.search;
    if (kept('sessionStorage', 'gallery') === place && /\/e\/\d+/.test(document.referrer)) window.scrollTo(0, kept('sessionStorage', 'scroll'));
    kept('sessionStorage', 'gallery', place);
    kept('sessionStorage', 'works', all('.card').map(function (card) { return Number(card.getAttribute('data-number')); }));
    window.addEventListener('pagehide', function () { kept('sessionStorage', 'scroll', window.pageYOffset); });
  }

  function backToGallery() {
    var place = kept('sessionStorage', 'gallery');
    if (!place || location.pathname === '/') return;
    all('.nav li a[href="/"], .short[href="/"]').forEach(function (link) { link.href = place; });
  }

  /** Whether a vote of that time is one of those that count against today's quota, or the contest's. */
  function countsNow(vote) {
    return !daily || dayOf(Date.parse(vote.at)) === dayOf(now());
  }

  function markVoted() {
    all('.card .seal').forEach(function (old) { old.parentNode.removeChild(old); });
    votes().filter(countsNow).forEach(function (vote) {
      var frame = document.querySelector('.card[data-number="' + Number(vote.number) + '"] .frame');
      if (frame && !frame.querySelector('.seal')) frame.appendChild(seal());
    });
  }

  /** A gallery sorted by votes comes back from the browser's memory with the counts of now. */
  function recount() {
    if (!document.querySelector('.got')) return;
    call('GET', '/api/v1/standings').then(function (answer) {
      (answer.ok && answer.data.entries || []).forEach(function (one) {
        var got = document.querySelector('.card[data-number="' + one.number + '"] .got');
        if (got) got.textContent = count(one.votes) + ' 票';
      });
    });
  }

  /** Where the vote stands, as the page says it by now. */
  function renewPhase() {
    if (document.querySelector('.phase, .soon')) again().then(function (fresh) {
      all('.phase, .soon').forEach(function (old) {
        var line = fresh.querySelector('.' + old.className.split(' ')[0]);
        if (line) old.parentNode.replaceChild(line, old);
        else old.parentNode.removeChild(old);
      });
    }).catch(function () { /* it stays as it is */ });
  }

  window.site = {
    landed: landed, daily: daily, call: call, firmly: firmly, again: again, kept: kept, votes: votes, remember: remember,
    now: now, dayOf: dayOf, clock: clock, moment: moment, all: all, count: count, make: make, link: link, seal: seal, copy: copy,
    code: '' // of this visitor's links to the work at hand
  };

  var came = /[?&]s=([\w-]{10})(?![\w-])/.exec(location.search);
  if (came) kept('sessionStorage', 'share', came[1]);
  var gallery = document.querySelector('[data-order]');
  if (gallery) keepOrder(gallery);
  backToGallery();
  markVoted();
  everySecond();
  setInterval(everySecond, 1000);
  window.addEventListener('pageshow', function (event) { if (event.persisted) { markVoted(); recount(); } });
  window.addEventListener('turn', function () { markVoted(); renewPhase(); });
  window.addEventListener('load', function () {
    var src = document.documentElement.getAttribute('data-wechat');
    if (src && /MicroMessenger\//.test(navigator.userAgent)) document.head.appendChild(make('script')).src = src;
  });
})();

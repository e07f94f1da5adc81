/* Shared by all pages: calls, what this device remembers, countdowns, the gallery's order.
   Plain scripts in the syntax of 2018, because WeChat's kernels on old phones are that old. */
(function () {
  'use strict';

  var DAY = 86400000;
  var SHANGHAI = 8 * 3600000;
  var ticking = 0;

  function pause(ms) {
    return new Promise(function (done) { setTimeout(done, ms); });
  }

  /** One JSON call → {ok, status, data}; no answer at all counts as status 0. */
  function call(method, path, body) {
    var abort = window.AbortController ? new AbortController() : null;
    var timer = setTimeout(function () { if (abort) abort.abort(); }, 8000);
    var options = { method: method, headers: { Accept: 'application/json' }, credentials: 'same-origin' };
    if (abort) options.signal = abort.signal;
    if (body) {
      options.headers['Content-Type'] = 'application/json';
      options.body = JSON.stringify(body);
    }
    return fetch(path, options).then(function (answer) {
      return answer.json().then(null, function () { return {}; }).then(function (data) {
        clearTimeout(timer);
        return { ok: answer.ok, status: answer.status, data: data };
      });
    }).catch(function () {
      clearTimeout(timer);
      return { ok: false, status: 0, data: { code: 'no_network', detail: '网络不通，没有等到结果。', next: '连上网络后再按一次，不会重复计票。' } };
    });
  }

  /** The same call again, up to three times more, while the answer is lost or the store is away. */
  function firmly(method, path, body, turn) {
    return call(method, path, body).then(function (answer) {
      var again = turn || 0;
      if (again >= 3 || [0, 500, 502, 503, 504].indexOf(answer.status) < 0) return answer;
      return pause(500 * Math.pow(2, again) + Math.random() * 300).then(function () {
        return firmly(method, path, body, again + 1);
      });
    });
  }

  /** Votes cast on this device, newest first: [{number, title, at, receipt}]. */
  function votes() {
    try { return JSON.parse(localStorage.getItem('votes')) || []; } catch (e) { return []; }
  }

  function remember(vote) {
    var others = votes().filter(function (one) { return one.receipt !== vote.receipt; });
    try { localStorage.setItem('votes', JSON.stringify([vote].concat(others).slice(0, 300))); } catch (e) { /* private mode */ }
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
    return (t.getUTCMonth() + 1) + '月' + t.getUTCDate() + '日 ' + two(t.getUTCHours()) + ':' + two(t.getUTCMinutes());
  }

  function count(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ','); }

  function make(tag, name, text) {
    var node = document.createElement(tag);
    if (name) node.className = name;
    if (text) node.textContent = text;
    return node;
  }

  function seal() {
    var mark = make('span', 'seal', '已投');
    mark.setAttribute('role', 'img');
    mark.setAttribute('aria-label', '您投过');
    return mark;
  }

  function remaining(ms) {
    var s = Math.max(0, Math.floor(ms / 1000));
    if (s >= 86400) return Math.floor(s / 86400) + ' 天 ' + Math.floor(s % 86400 / 3600) + ' 小时';
    return two(Math.floor(s / 3600)) + ':' + two(Math.floor(s % 3600 / 60)) + ':' + two(s % 60);
  }

  function countDown() {
    var clocks = document.querySelectorAll('[data-until]');
    var live = false;
    for (var i = 0; i < clocks.length; i++) {
      var left = clocks[i].getAttribute('data-until') - Date.now();
      var words = left > 0 ? remaining(left) : '';
      if (clocks[i].textContent !== words) clocks[i].textContent = words;
      if (left > 0) live = true;
      else if (ticking) window.dispatchEvent(new Event('turn')); // the vote has just opened or closed
    }
    clearTimeout(ticking);
    ticking = live ? setTimeout(countDown, 1000) : 0;
  }

  /** The order travels in the address, so that going back finds the same one. */
  function keepOrder(section) {
    if (location.search.indexOf('o=') < 0 && history.replaceState) {
      var mark = (location.search ? '&' : '?') + 'o=' + section.getAttribute('data-order');
      history.replaceState(history.state, '', location.pathname + location.search + mark);
    }
    try { sessionStorage.setItem('gallery', location.pathname + location.search); } catch (e) { /* private mode */ }
  }

  function backToGallery() {
    var place = null;
    try { place = sessionStorage.getItem('gallery'); } catch (e) { /* private mode */ }
    if (!place || location.pathname === '/') return;
    var links = document.querySelectorAll('.nav li a[href="/"], .short[href="/"]');
    for (var i = 0; i < links.length; i++) links[i].href = place;
  }

  function markVoted() {
    var today = dayOf(Date.now());
    votes().forEach(function (vote) {
      var card = document.querySelector('.card[data-number="' + Number(vote.number) + '"] .frame');
      if (card && dayOf(Date.parse(vote.at)) === today && !card.querySelector('.seal')) card.appendChild(seal());
    });
  }

  window.site = {
    call: call, firmly: firmly, votes: votes, remember: remember, dayOf: dayOf,
    clock: clock, moment: moment, count: count, make: make, seal: seal, pause: pause
  };

  var gallery = document.querySelector('[data-order]');
  if (gallery) keepOrder(gallery);
  backToGallery();
  markVoted();
  countDown();
  window.addEventListener('pageshow', function (event) { if (event.persisted) { markVoted(); countDown(); } });
})();

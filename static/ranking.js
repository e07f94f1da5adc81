/* The ranking keeps itself fresh: same rows, new places, no reload, no jump. */
(function () {
  'use strict';

  var site = window.site;
  var board = document.getElementById('board');
  var inside = board.querySelector('.board.in');
  var outside = board.querySelector('.board.out');
  var phase = board.getAttribute('data-phase');
  var counts = board.getAttribute('data-counts');
  var ended = ['closed', 'under_review', 'published'].indexOf(phase) >= 0;
  var winners = Number(board.getAttribute('data-winners'));
  var asOf = Number(board.getAttribute('data-as-of'));
  var calm = window.matchMedia && matchMedia('(prefers-reduced-motion: reduce)').matches;
  var rows = {};
  var fails = 0;
  var timer = 0;
  var asked = Date.now();

  site.all('.row', board).forEach(function (row) { rows[row.getAttribute('data-number')] = row; });

  /** What stands under a title: how far to the place that matters. */
  function words(list, i, bar) {
    var one = list[i];
    if (!one.votes) return ended ? '没有得票' : '还没有得票';
    if (one.rank > winners) return '距第' + winners + '名' + (ended ? '差 ' : '还差 ') + site.count(bar - one.votes) + ' 票';
    if ((list[i - 1] && list[i - 1].rank === one.rank) || (list[i + 1] && list[i + 1].rank === one.rank)) return '并列第 ' + one.rank + ' 名';
    if (i === 0) return ended ? '第一名' : '暂列第一';
    return '距上一名 ' + site.count(list[i - 1].votes - one.votes) + ' 票';
  }

  function fill(row, one, sentence, best) {
    row.querySelector('.rank').childNodes[1].nodeValue = one.rank;
    row.querySelector('.gap').textContent = sentence;
    row.querySelector('.score b').textContent = site.count(one.votes);
    row.querySelector('.share-of svg').setAttribute('width', (best ? Math.round(1000 * one.votes / best) / 10 : 0) + '%');
    row.classList.toggle('first', one.rank <= 3 && one.votes > 0);
  }

  function places() {
    var tops = {};
    Object.keys(rows).forEach(function (number) { tops[number] = rows[number].getBoundingClientRect().top; });
    return tops;
  }

  /** Rows that moved slide from where they were (first, last, invert, play). */
  function slide(before) {
    var height = window.innerHeight;
    Object.keys(rows).forEach(function (number) {
      var row = rows[number];
      var now = row.getBoundingClientRect().top;
      var shift = before[number] - now;
      if (Math.abs(shift) < 1 || !row.animate || (now > height && before[number] > height)) return;
      row.animate([{ transform: 'translateY(' + shift + 'px)' }, { transform: 'none' }], { duration: 320, easing: 'cubic-bezier(.2,.7,.2,1)' });
    });
  }

  function arrange(ordered, list) {
    ordered.forEach(function (row, i) {
      if (list.children[i] !== row) list.insertBefore(row, list.children[i] || null);
    });
  }

  function show(data) {
    var list = data.entries.filter(function (one) { return rows[one.number]; });
    var climbed = data.entries.slice(0, winners).some(function (one) { return one.votes && !rows[one.number]; }) ||
      list.some(function (one) { return one.held !== Number(rows[one.number].getAttribute('data-held')); });
    // A work from below the listed ones is among the first now, one was withdrawn, or it is midnight
    // and other votes are being looked into.
    if (climbed || list.length < Object.keys(rows).length) { location.reload(); return; }
    var before = calm ? null : places();
    var scroll = window.pageYOffset;
    var focus = document.activeElement;
    var won = list.filter(function (one) { return one.rank <= winners && one.votes; });
    if (!won.length) return;
    var bar = won[won.length - 1].votes;
    var top = [], rest = [];
    list.forEach(function (one, i) {
      fill(rows[one.number], one, words(list, i, bar), list[0].votes);
      (i < won.length ? top : rest).push(rows[one.number]);
    });
    arrange(top, inside);
    arrange(rest, outside);
    document.getElementById('bar').textContent = won.length < winners ? '还空着 ' + (winners - won.length) + ' 个名额' : '第 ' + winners + ' 名 ' + site.count(bar) + ' 票';
    document.getElementById('total').textContent = site.count(data.total_votes);
    if (window.pageYOffset !== scroll) window.scrollTo(0, scroll);
    if (focus && focus !== document.activeElement && board.contains(focus)) focus.focus({ preventScroll: true });
    if (before) slide(before);
  }

  function tick() {
    asked = Date.now();
    site.call('GET', '/api/v1/standings').then(function (answer) {
      fails = answer.ok ? 0 : fails + 1;
      plan(answer.ok && phase !== 'open' ? 60000 : 5000 * Math.pow(2, Math.min(fails, 4)));
      if (inside) document.getElementById('stale').textContent = fails > 1 ? '，暂时连不上，稍后自动更新' : '';
      if (answer.ok) take(answer.data);
    });
  }

  function take(data) {
    var firstVotes = !inside && data.total_votes;
    if (data.phase !== phase || data.counts !== counts || firstVotes) { location.reload(); return; }
    if (!inside || Date.parse(data.as_of) < asOf) return;
    asOf = Date.parse(data.as_of);
    document.getElementById('clock').textContent = site.clock(asOf);
    var total = document.getElementById('total');
    if (counts === 'exact') show(data);
    // Rounded counts change seldom.
    else if (site.count(data.total_votes) !== total.textContent) location.reload();
  }

  function plan(wait) {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(tick, wait + Math.random() * 2500);
  }

  document.addEventListener('visibilitychange', function () {
    if (document.hidden) clearTimeout(timer);
    else plan(Math.max(0, asked + 5000 - Date.now()));
  });
  window.addEventListener('pageshow', function (event) { if (event.persisted) plan(0); });
  window.addEventListener('turn', tick);
  plan(5000);
})();

/* One work: the vote, the count, the video, the poster. */
(function () {
  'use strict';

  var site = window.site;
  var bar = document.querySelector('.votebar');
  var number = Number(bar.getAttribute('data-number'));
  var perEntry = Number(bar.getAttribute('data-per-entry'));
  var winners = Number(bar.getAttribute('data-winners'));
  var daily = bar.getAttribute('data-period') === 'day';
  var say = bar.querySelector('.say');
  var video = document.querySelector('.stage video');
  var STALE = ['foreign_ballot', 'ballot_expired', 'ballot_invalid', 'pass_required'];
  var ENDED = {
    closed: { words: '看排行', at: '/top' },
    under_review: { words: '结果核对中', at: '/results' },
    published: { words: '看结果', at: '/results' }
  };
  var watched = {};
  var me = null;
  var own = null; // my vote that the standings may not hold yet: {at}
  var pending = ''; // a ballot that was sent and not answered: it must be the one that is sent again
  var busy = false;
  var asked = 0; // an answer that a newer question has overtaken is dropped

  // ---- the button ----

  function makeButton() {
    var old = bar.querySelector('.vote');
    var button = site.make('button', 'vote');
    button.type = 'button';
    while (old.firstChild) button.appendChild(old.firstChild);
    old.parentNode.replaceChild(button, old);
    return button;
  }

  function paint(state, words, more) {
    button.className = 'vote';
    button.setAttribute('data-state', state);
    button.setAttribute('aria-busy', String(state === 'busy'));
    var icon = button.querySelector('.icon');
    if (icon) icon.style.display = state === 'off' || state === 'used' ? 'none' : '';
    button.querySelector('b').textContent = words;
    button.querySelector('small').textContent = more || '';
  }

  function timesVoted() {
    return me.voted.filter(function (n) { return n === number; }).length;
  }

  function left() {
    return (daily ? '今天还能投 ' : '还能投 ') + me.votes_left + ' 票';
  }

  /** What the button says follows from what the server said last. */
  function show() {
    if (!me || busy) return;
    if (me.phase === 'before') paint('off', '投票还没开始', site.moment(Date.parse(me.opens)) + ' 开始');
    else if (me.phase === 'paused') paint('off', '投票暂停中', '恢复后可以接着投');
    else if (ENDED[me.phase]) paint('closed', '投票已结束', ENDED[me.phase].words);
    else if (timesVoted() >= perEntry) {
      paint('voted', daily ? '今天投过了' : '您投过了', me.votes_left ? left() : daily ? '明天 0 点后可以再投' : '您的票已经投完');
      stamp(false);
    } else if (!me.votes_left) paint('used', daily ? '今天的 ' + me.votes_per_voter + ' 票投完了' : '您的票已经投完', daily ? '明天 0 点后可以再投' : '谢谢您的参与');
    else paint('ready', '投一票', left());
    if (ENDED[me.phase]) button.setAttribute('data-state', 'off');
  }

  /** Back on the page, or back online: what is mine may have changed elsewhere. */
  function look() {
    if (!busy && !pending) refresh();
  }

  function tell(sentence, extra) {
    say.textContent = sentence;
    if (extra) say.appendChild(extra);
  }

  function refresh() {
    var mine = ++asked;
    return site.call('GET', '/api/v1/me?entry=' + number).then(function (answer) {
      if (answer.ok && mine === asked) { me = answer.data; me.voted = me.voted || []; show(); }
      return answer;
    });
  }

  // ---- the vote ----

  function ballot() {
    if (pending || me.ballot) return Promise.resolve({ ok: true });
    return site.firmly('POST', '/api/v1/passes', { entry: number, view: me.view }).then(function (answer) {
      if (answer.ok) me.ballot = answer.data.ballot;
      return answer;
    });
  }

  function cast(second) {
    return (me && (pending || me.ballot || me.view) ? Promise.resolve({ ok: true }) : refresh()).then(function (known) {
      if (!known.ok) return known;
      return ballot().then(function (pass) {
        if (!pass.ok) return pass;
        pending = pending || me.ballot;
        return site.firmly('POST', '/api/v1/entries/' + number + '/votes', { ballot: pending, watched_s: Object.keys(watched).length });
      });
    }).then(function (answer) {
      if (answer.status && answer.status < 500) pending = '';
      if (answer.ok || second || STALE.indexOf(answer.data.code) < 0) return answer;
      me = null; // the ballot is no good any more: ask for a fresh one, once
      return cast(true);
    });
  }

  function accepted(data) {
    own = { at: Date.parse(data.at) };
    site.remember({ number: number, title: bar.getAttribute('data-title'), at: data.at, receipt: data.receipt });
    me.votes_left = data.votes_left;
    me.voted.push(number);
    delete me.ballot;
    delete me.view;
    var receipt = site.make('span', 'no', data.receipt);
    tell('已计入这一票。回执 ', receipt);
    addOwn();
    stamp(true);
    setTimeout(follow, 1500);
    return refresh();
  }

  function refused(answer) {
    var data = answer.data;
    tell((data.detail || '投票服务正在恢复，这一票还没有投出。') + (data.next || (answer.status === 503 ? '过一会儿再按一次，不会重复计票。' : '')));
    if (data.code === 'no_network' || answer.status >= 500) {
      paint('ready', '再试一次', answer.status ? '不会重复计票' : '现在没有网络');
      return null;
    }
    return refresh();
  }

  function press() {
    var state = button.getAttribute('data-state');
    if (busy) return;
    if (me && ENDED[me.phase]) { location.href = ENDED[me.phase].at; return; }
    if (state === 'voted') { tell('您投过这件作品了。', mineLink()); return; }
    if (state === 'used' || state === 'off') { tell(button.querySelector('b').textContent + '，' + button.querySelector('small').textContent + '。'); return; }
    busy = true;
    say.textContent = '';
    paint('busy', '正在投票', '请稍等');
    if (navigator.vibrate) navigator.vibrate(12);
    cast(false).then(function (answer) {
      busy = false;
      return answer.ok ? accepted(answer.data) : refused(answer);
    }).then(function () {
      if (button.getAttribute('data-state') === 'busy') { if (me) show(); else paint('ready', '投一票', '请再按一次'); }
    });
  }

  function mineLink() {
    var link = site.make('a', '', '看我的投票');
    link.href = '/mine';
    return link;
  }

  // ---- the count ----

  function stamp(fresh) {
    var votes = document.getElementById('votes');
    if (!votes || votes.querySelector('.seal')) return;
    var mark = site.seal();
    if (fresh) mark.classList.add('stamped');
    votes.appendChild(mark);
  }

  function setVotes(n, roll) {
    var votes = document.getElementById('votes');
    if (!votes || Number(votes.getAttribute('data-votes')) === n) return;
    var mark = votes.querySelector('.seal');
    votes.setAttribute('data-votes', n);
    votes.textContent = '';
    votes.appendChild(site.make('span', roll ? 'rolled' : '', site.count(n)));
    if (mark) votes.appendChild(mark);
  }

  function addOwn() {
    var votes = document.getElementById('votes');
    if (votes) setVotes(Number(votes.getAttribute('data-votes')) + 1, true);
  }

  function words(rows, mine) {
    var above = null, below = null;
    rows.forEach(function (row) {
      if (row.votes > mine.votes) above = row.votes; // best first: the last one seen is the nearest
      else if (row.votes < mine.votes && below === null) below = row.votes;
    });
    if (!mine.votes) return '还没有得票';
    var lead = below === null ? '' : '，领先下一名 ' + site.count(mine.votes - below) + ' 票';
    if (mine.rank > winners) {
      var last = rows.filter(function (row) { return row.rank <= winners; }).pop();
      return '距第' + winners + '名还差 ' + site.count(last.votes - mine.votes) + ' 票';
    }
    if (above === null) return '暂列第一' + lead;
    return '在前' + winners + '名内，距上一名 ' + site.count(above - mine.votes) + ' 票' + lead;
  }

  /** Ask for the standings until they are newer than my vote; then they speak. */
  function follow(turn) {
    var again = turn || 0;
    if (!document.getElementById('votes')) return;
    site.call('GET', '/api/v1/standings').then(function (answer) {
      if (answer.ok && own && Date.parse(answer.data.as_of) < own.at) answer.ok = false;
      if (!answer.ok) {
        if (again < 5) setTimeout(function () { follow(again + 1); }, 2000 * (again + 1));
        return;
      }
      var rows = answer.data.entries;
      var mine = rows.filter(function (row) { return row.number === number; })[0];
      if (!mine) return;
      own = null;
      setVotes(mine.votes, false);
      document.getElementById('rank').firstChild.nodeValue = mine.rank;
      document.getElementById('gap').textContent = words(rows, mine);
    });
  }

  /** A cached page may be older than a vote I cast moments ago. */
  function catchUp() {
    var last = site.votes()[0];
    if (last && last.number === number && Date.now() - Date.parse(last.at) < 60000) follow();
  }

  // ---- the video ----

  function watch() {
    var broken = document.querySelector('.broken');
    video.addEventListener('timeupdate', function () {
      if (!video.paused && !video.seeking) watched[Math.floor(video.currentTime)] = true;
    });
    video.addEventListener('error', function () { broken.hidden = false; });
    if (video.error) broken.hidden = false;
    broken.querySelector('button').addEventListener('click', function () {
      broken.hidden = true;
      video.load();
      video.focus();
    });
  }

  // ---- the poster ----

  function sheet() {
    var dialog = document.querySelector('.sheet');
    var open = document.querySelector('.share');
    if (!dialog.showModal) { dialog.hidden = true; return; }
    open.addEventListener('click', function (event) { event.preventDefault(); dialog.showModal(); });
    dialog.addEventListener('click', function (event) { if (event.target === dialog) dialog.close(); });
    dialog.querySelector('.copy button').addEventListener('click', function () { copy(dialog); });
  }

  function copy(dialog) {
    var link = dialog.querySelector('#link');
    var done = dialog.querySelector('.copied');
    function manually() {
      link.focus();
      link.setSelectionRange(0, link.value.length);
      var copied = false;
      try { copied = document.execCommand('copy'); } catch (e) { /* some kernels forbid it */ }
      done.textContent = copied ? '链接已复制。' : '已选中链接，请长按后复制。';
    }
    if (!navigator.clipboard) { manually(); return; }
    navigator.clipboard.writeText(link.value).then(function () { done.textContent = '链接已复制。'; }, manually);
  }

  var button = makeButton();
  button.addEventListener('click', press);
  watch();
  sheet();
  refresh();
  catchUp();
  window.addEventListener('pageshow', function (event) { if (event.persisted) { look(); follow(); } });
  window.addEventListener('online', look);
  window.addEventListener('turn', function () { setTimeout(look, 500 + Math.random() * 2500); });
  document.addEventListener('visibilitychange', function () { if (!document.hidden) look(); });
})();

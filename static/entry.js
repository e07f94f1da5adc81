/* One work: the vote, the count, the video, the poster. */
(function () {
  'use strict';

  if (!window.fetch) return; // the links lead to pages that need no script

  var site = window.site;
  var bar = document.querySelector('.votebar');
  var number = Number(bar.getAttribute('data-number'));
  var perDevice = Number(bar.getAttribute('data-per-device'));
  var told = bar.querySelector('.told');
  var say = bar.querySelector('.say');
  var ways = bar.querySelector('.ways');
  var votes = document.getElementById('votes'); // null while counts are not shown
  var video = document.querySelector('.stage video');
  var dialog = document.querySelector('.sheet');
  var link = document.getElementById('link');
  var STALE = ['foreign_ballot', 'ballot_expired', 'ballot_invalid', 'pass_required'];
  var GONE = ['withdrawn', 'unknown_entry', 'entry_not_votable'];
  var TODAY = site.daily ? '今天' : '';
  var YOURS = site.daily ? '今天' : '您';
  var USED = site.daily ? '明天 0 点后可以再投' : '谢谢您的参与';
  var ENDED = {
    closed: { words: '看排行', at: '/top' },
    under_review: { words: '结果核对中', at: '/results' },
    published: { words: '看结果', at: '/results' }
  };
  var me = null;
  var intended = null; // what was tapped before signing in, handed back once
  var mine = 0; // the count with my vote in it, which the page may not know of yet
  var sent = null; // a ballot that was not answered: it must be the one that is sent again
  var ripe = 0; // the site takes no vote within a second of the look
  var busy = false;
  var leaving = false; // on the way to WeChat
  var until = 0; // until then the server wants to be left alone
  var asked = 0; // an answer that a newer question has overtaken is dropped
  var following = 0;

  // ---- the button ----

  function makeButton() {
    var old = bar.querySelector('.vote');
    var button = site.make('button', 'vote');
    var focused = document.activeElement === old;
    button.type = 'button';
    if (old.classList.contains('off')) button.setAttribute('data-state', 'off');
    while (old.firstChild) button.appendChild(old.firstChild);
    old.parentNode.replaceChild(button, old);
    if (focused) button.focus();
    return button;
  }

  function paint(state, words, more) {
    button.setAttribute('data-state', state);
    button.setAttribute('aria-busy', String(state === 'busy'));
    button.querySelector('b').textContent = words;
    button.querySelector('small').textContent = more;
  }

  function left() {
    var more = me.sign_in === 'here' && me.voter_class === 'device' && me.voted.length >= perDevice;
    return (more ? '微信登录后' : '') + TODAY + '还能投 ' + me.votes_left + ' 票';
  }

  /** What the button says follows from what the server said last. */
  function show() {
    if (busy || Date.now() < until) return;
    if (sent) { paint('ready', '再试一次', '不会重复计票'); return; }
    if (!me) return;
    var times = me.voted.filter(function (n) { return n === number; }).length;
    stamp(times > 0);
    if (me.phase === 'before') paint('off', '投票还没开始', site.moment(Date.parse(me.opens)) + ' 开始');
    else if (me.phase === 'paused') paint('off', '投票暂停中', '恢复后可以接着投');
    else if (ENDED[me.phase]) paint('off', '投票已结束', ENDED[me.phase].words);
    else if (times >= me.votes_per_entry) paint('voted', YOURS + '投过了', me.votes_left ? left() : USED);
    else if (me.sign_in === 'elsewhere') paint('ready', '在微信里投票', '点这里看怎么打开');
    else if (!me.votes_left) paint('used', YOURS + '的 ' + me.votes_per_voter + ' 票投完了', USED);
    else paint('ready', times ? '再投一票' : '投一票', left());
  }

  /** The server named a time: the button counts down to it. */
  function hold() {
    var s = Math.ceil((until - Date.now()) / 1000);
    if (s <= 0) { show(); return; }
    paint('wait', '请等一会儿', s < 120 ? s + ' 秒后可以再投' : Math.ceil(s / 60) + ' 分钟后可以再投');
    setTimeout(hold, 1000);
  }

  function gone() {
    me = null;
    paint('off', '不能投票', '这件作品已经撤下');
  }

  function line(parts, name) { return site.make('span', name, parts); }

  function hush() {
    say.textContent = '';
    ways.hidden = true;
    told.className = 'told';
  }

  /** Say it above the button; `on` offers ways to go on, or only the next work when this is 'gone'. */
  function tell(what, more, on) {
    hush();
    [site.make('b', '', what)].concat(more).forEach(function (one) { if (one) say.appendChild(one); });
    if (on) next();
    ways.hidden = !on;
    ways.querySelector('.share').hidden = on === 'gone';
    told.className = 'told on';
  }

  /** Go on in the order I came along, past what I voted for; else where the page points. */
  function next() {
    var works = site.kept('sessionStorage', 'works') || [];
    var at = works.indexOf(number);
    var on = at < 0 ? [] : works.slice(at + 1).concat(works.slice(0, at)).filter(function (one) {
      return !me || me.voted.indexOf(one) < 0;
    });
    if (on.length) ways.querySelector('.next').href = '/e/' + on[0];
  }

  // ---- what is mine ----

  function refresh() {
    var question = ++asked;
    return site.call('GET', '/api/v1/me?entry=' + number).then(function (answer) {
      var found = answer.data;
      if (question !== asked && !found.intended) return answer;
      if (answer.ok) take(found);
      else if (GONE.indexOf(found.code) >= 0) gone();
      return answer;
    });
  }

  function take(found) {
    me = found;
    ripe = me.intended ? 0 : Date.now() + 1000;
    // Whoever has no pass gets another code with each look: the first one will do.
    if (!site.code || me.voter_class) {
      site.code = me.share;
      window.dispatchEvent(new Event('share-link'));
    }
    if (dialog.hasAttribute('open')) fill();
    show();
    if (me.counts !== 'exact') followSoon(0, 0);
    if (!me.intended) return;
    intended = me.intended;
    if (!busy) go();
  }

  /** Back on the page, or back online: what is mine may have changed elsewhere. */
  function look() {
    if (!busy) refresh();
  }

  /** Back from WeChat without having signed in, or never gone. */
  function back() {
    if (leaving) leaving = busy = false;
    show();
    look();
  }

  // ---- the vote ----

  function press() {
    var state = button.getAttribute('data-state');
    if (busy || state === 'wait') return;
    if (me && ENDED[me.phase]) location.href = ENDED[me.phase].at;
    else if (me && me.sign_in === 'elsewhere' && state === 'ready') open();
    else if (state === 'voted' || state === 'used' || state === 'off') explain(state);
    else {
      if (navigator.vibrate) navigator.vibrate(12);
      go();
    }
  }

  /** Why it can't be pressed, in more words than fit on it. */
  function explain(state) {
    var rule = {
      voted: (site.daily ? '同一件作品每天能投 ' : '同一件作品能投 ') + (me && me.votes_per_entry) + ' 票，',
      used: (site.daily ? '每人每天 ' : '每人一共 ') + (me && me.votes_per_voter) + ' 票，'
    }[state];
    tell(button.querySelector('b').textContent, [
      line((rule || '') + button.querySelector('small').textContent),
      rule ? site.link('/mine', '看我的投票') : ''
    ], rule);
    look();
  }

  function go() {
    busy = true;
    hush();
    paint('busy', '正在投票', '请稍等');
    var slow = setTimeout(function () { if (busy) paint('busy', '正在投票', '网络有点慢，还在等结果'); }, 4000);
    cast(false).then(function (answer) {
      clearTimeout(slow);
      busy = false;
      if (answer.ok) accepted(answer.data);
      else refused(answer);
    });
  }

  /** The answer to the ballot that is still unanswered, or else to a new one. */
  function cast(second) {
    return (sent ? post() : prepare()).then(function (answer) {
      if (answer.status && answer.status < 500 && answer.status !== 429) sent = intended = null;
      if (second || STALE.indexOf(answer.data.code) < 0) return answer;
      me = null; // the ballot is no good any more: ask for a fresh one, once
      return cast(true);
    });
  }

  function prepare() {
    var known = me && (me.ballot || me.view) ? Promise.resolve({ ok: true }) : refresh();
    return known.then(function (answer) {
      return new Promise(function (done) { setTimeout(done, ripe - Date.now(), answer); });
    }).then(function (answer) {
      if (!answer.ok) return answer;
      if (me.sign_in === 'here') return signIn();
      return me.ballot ? post(me.ballot) : askPass(me.view);
    });
  }

  function askPass(view, solution) {
    return site.firmly('POST', '/api/v1/passes', { entry: number, view: view, challenge: solution }).then(function (pass) {
      if (pass.ok) return post(pass.data.ballot);
      if (!pass.data.challenge || solution !== undefined) return pass;
      return new Promise(function (done) { // many newcomers here: challenge.js does a little work first
        var script = document.head.appendChild(site.make('script'));
        site.challenge = { of: pass.data.challenge, tell: tell, paint: paint, done: done };
        script.onerror = function () { done(''); };
        script.src = bar.getAttribute('data-challenge');
      }).then(function (found) { return askPass(view, found); });
    });
  }

  function post(ballot) {
    if (ballot) sent = withSignals({ ballot: ballot });
    return site.firmly('POST', '/api/v1/entries/' + number + '/votes', sent);
  }

  /** Off to WeChat and back; the promise is never kept, because the page goes away. */
  function signIn() {
    return site.firmly('POST', '/api/v1/sign-in', withSignals({ entry: number, view: me.view })).then(function (answer) {
      if (!answer.ok) return answer;
      leaving = true;
      location.assign(answer.data.go);
      setTimeout(back, 10000);
      return new Promise(function () {});
    });
  }

  function withSignals(body) {
    body.watched_s = intended ? intended.watched_s : watched();
    body.share = intended ? intended.share : site.kept('sessionStorage', 'share') || '';
    return body;
  }

  function accepted(data) {
    site.remember({ number: number, title: bar.getAttribute('data-title'), at: data.at, receipt: data.receipt });
    if (me) {
      me.votes_left = data.votes_left;
      me.voted.push(number);
      delete me.ballot;
      delete me.view;
    }
    tell('已计入这一票', [
      line(votes ? '正在更新名次…' : bar.getAttribute('data-hush'), 'now'),
      line(['回执 ', line(data.receipt, 'no')], 'slip-of')
    ], true);
    stamp(true, true);
    if (votes) setVotes(mine = Number(votes.getAttribute('data-votes')) + 1, true);
    followSoon(0, 1500);
    show();
    look();
  }

  function refused(answer) {
    var data = answer.data;
    var lost = GONE.indexOf(data.code) >= 0;
    var used = data.code === 'already_voted' || data.code === 'quota_used';
    var more = used ? USED : data.next || '';
    if (answer.status >= 500) more = '服务正在恢复，过几秒再按一次，不会重复计票';
    if (data.code === 'not_open' && me) more = site.moment(Date.parse(me.opens)) + ' 开始';
    tell(data.detail || '没有等到投票的结果', [line(more)], lost ? 'gone' : used);
    if (lost) gone();
    else if (answer.status === 429) { until = Date.now() + 1000 * (answer.wait_s || 3); hold(); }
    else if (!answer.status || answer.status >= 500) paint('ready', '再试一次', answer.status ? '不会重复计票' : '现在没有网络');
    else {
      paint('ready', '投一票', '请再按一次');
      show();
      look();
    }
  }

  // ---- the count ----

  function stamp(on, fresh) {
    var mark = votes && votes.querySelector('.seal');
    if (!votes || on === !!mark) return;
    if (mark) { votes.removeChild(mark); return; }
    mark = votes.appendChild(site.seal());
    if (fresh) mark.classList.add('stamped');
  }

  function setVotes(n, roll) {
    if (Number(votes.getAttribute('data-votes')) === n) return;
    votes.setAttribute('data-votes', n);
    votes.replaceChild(line(site.count(n), roll ? 'rolled' : ''), votes.firstChild);
  }

  function followSoon(turn, ms) {
    clearTimeout(following);
    if (votes) following = setTimeout(function () { follow(turn); }, ms);
  }

  /** Read this page again until it counts my vote; what it says of votes and rank goes up here. */
  function follow(turn) {
    var now = say.querySelector('.now');
    site.again().then(function (fresh) {
      if (!fresh.getElementById('votes')) { quiet(fresh, now); return; }
      var n = Number(fresh.getElementById('votes').getAttribute('data-votes'));
      if (n < mine && turn < 5) throw n;
      mine = 0;
      setVotes(n);
      ['rank', 'gap'].forEach(function (part) {
        document.getElementById(part).innerHTML = fresh.getElementById(part).innerHTML;
      });
      if (now) now.textContent = '现在 ' + site.count(n) + ' 票，第 ' + parseInt(fresh.getElementById('rank').textContent, 10) + ' 名';
    }).catch(function () {
      if (turn < 5) followSoon(turn + 1, 2000 * (turn + 1));
      else if (now) now.textContent = '票数和名次稍后更新';
    });
  }

  /** The hours have begun in which counts are rounded or not shown: here, too. */
  function quiet(fresh, now) {
    var said = site.all('.tally, .quiet-line');
    votes = null;
    said[0].outerHTML = site.all('.tally, .quiet-line', fresh).map(function (one) { return one.outerHTML; }).join('');
    if (said[1]) said[1].parentNode.removeChild(said[1]);
    bar.setAttribute('data-hush', fresh.querySelector('.votebar').getAttribute('data-hush'));
    if (now) now.textContent = bar.getAttribute('data-hush');
  }

  /** A cached page may be older than a vote I cast moments ago. */
  function catchUp() {
    var last = site.votes()[0];
    if (last && last.number === number && site.now() - Date.parse(last.at) < 60000) followSoon(0, 0);
  }

  // ---- the video ----

  var seen = {}; // seconds of the film that were played
  var played_ms = 0; // time that passed while it played
  var tick = 0;

  /** Seconds of the film really played: no skipped ones, none twice, and never more than the time
      that it took, however fast it ran. */
  function watched() {
    for (var i = 0; i < video.played.length; i++) {
      for (var s = Math.round(video.played.start(i)); s < Math.round(video.played.end(i)); s++) seen[s] = true;
    }
    return Math.min(Object.keys(seen).length, Math.round(played_ms / 1000));
  }

  /** Kernels differ in what starts a film with their own controls: ours is the whole picture. */
  function start() {
    var cover = document.querySelector('.start');
    cover.hidden = false;
    video.controls = false;
    cover.addEventListener('click', function () { play('', 0, true); video.focus(); });
    video.addEventListener('play', function () { cover.hidden = true; video.controls = true; });
  }

  function watch() {
    var broken = document.querySelector('.broken');
    function fail(event) {
      var last = video.querySelector('source:last-of-type');
      if (event.target === video || event.target === last) broken.hidden = false;
    }
    video.addEventListener('timeupdate', function () {
      var now = Date.now();
      if (!video.paused && !video.seeking) played_ms += Math.min(now - tick, 1000);
      tick = now;
    });
    video.addEventListener('playing', function () { tick = Date.now(); broken.hidden = true; });
    video.addEventListener('error', fail, true); // a source's doesn't bubble
    if (video.error) broken.hidden = false;
    broken.querySelector('button').addEventListener('click', function () {
      broken.hidden = true;
      play(video.currentSrc || video.src, video.currentTime, true);
      video.focus();
    });
    window.addEventListener('pagehide', function () { video.pause(); });
  }

  /** Turn to this file, or stay with what there is, at the same place. */
  function play(src, at, on) {
    watched(); // what was played of the old file is forgotten with it
    if (at) {
      video.preload = 'metadata';
      video.addEventListener('loadedmetadata', function set() {
        video.removeEventListener('loadedmetadata', set);
        video.currentTime = at;
      });
    }
    if (src) video.src = src;
    var going = on ? video.play() : null;
    if (going && going.catch) going.catch(function () { /* the element says why */ });
  }

  /** 流畅 or 高清: what was chosen once; else the smaller on a phone or where data costs. */
  function quality() {
    var choices = site.all('[data-quality]');
    var net = navigator.connection || {};
    var small = net.saveData || net.type === 'cellular' || matchMedia('(max-width: 56em)').matches;
    function choose(which, first) {
      choices.forEach(function (one) {
        if (one.getAttribute('data-quality') !== which) { one.removeAttribute('aria-current'); return; }
        one.setAttribute('aria-current', 'true');
        play(one.href, first ? 0 : video.currentTime, !first && !video.paused);
      });
    }
    choices.forEach(function (one) {
      one.addEventListener('click', function (event) {
        event.preventDefault();
        if (one.hasAttribute('aria-current')) return;
        site.kept('localStorage', 'quality', one.getAttribute('data-quality'));
        choose(one.getAttribute('data-quality'));
      });
    });
    choose(site.kept('localStorage', 'quality') || (small ? '720' : '1080'), true);
  }

  // ---- the poster ----

  /** The poster is fetched only when it is to be seen; it and the link carry this visitor's code. */
  function fill() {
    var picture = dialog.querySelector('img');
    var mark = site.code ? '?s=' + site.code : '';
    var src = picture.getAttribute('data-src') + mark;
    if (picture.getAttribute('src') !== src) picture.src = src;
    link.value = link.defaultValue + mark;
    dialog.querySelector('.elsewhere').hidden = !(me && me.sign_in === 'elsewhere');
  }

  function note(text) { dialog.querySelector('.copied').textContent = text; }

  function open() {
    fill();
    note('');
    if (dialog.showModal) { dialog.showModal(); return; }
    dialog.classList.add('flat');
    dialog.setAttribute('open', '');
  }

  function sheet() {
    function shut() { if (dialog.close) dialog.close(); else dialog.removeAttribute('open'); }
    site.all('.share').forEach(function (one) {
      one.addEventListener('click', function (event) { event.preventDefault(); open(); });
    });
    dialog.querySelector('form').addEventListener('submit', function (event) { event.preventDefault(); shut(); });
    dialog.addEventListener('click', function (event) { if (event.target === dialog) shut(); });
    dialog.querySelector('img').addEventListener('error', function () {
      this.removeAttribute('src'); // so that opening it again tries again
      note('海报暂时画不出来，可以先复制链接。');
    });
    dialog.querySelector('.copy button').addEventListener('click', function () {
      site.copy(link.value, this).then(function (copied) {
        if (!copied) link.select();
        note(copied ? '链接已复制。' : '已选中链接，请长按后复制。');
      });
    });
  }

  var button = makeButton();
  button.addEventListener('click', press);
  bar.querySelector('.shut').addEventListener('click', function () { hush(); button.focus(); });
  start();
  watch();
  quality();
  sheet();
  refresh();
  catchUp();
  window.addEventListener('pageshow', function (event) { if (event.persisted) { back(); followSoon(0, 0); } });
  window.addEventListener('online', look);
  window.addEventListener('turn', look);
  document.addEventListener('visibilitychange', function () { if (document.hidden) video.pause(); else look(); });
})();

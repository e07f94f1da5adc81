/* My votes: what this device remembers, and what the server says is left. */
(function () {
  'use strict';

  var site = window.site;
  var make = site.make;
  var left = document.getElementById('left');
  var slips = document.getElementById('slips');
  var none = document.getElementById('none');
  var timer = 0;

  function slip(vote) {
    var number = ('00' + vote.number).slice(-Math.max(3, String(vote.number).length));
    var copy = make('button', '', '复制');
    copy.type = 'button';
    copy.setAttribute('aria-label', '复制回执 ' + vote.receipt);
    copy.addEventListener('click', function () {
      site.copy(vote.receipt, copy).then(function (done) {
        copy.textContent = done ? '已复制' : '请长按回执复制';
        copy.setAttribute('aria-label', copy.textContent);
      });
    });
    return make('li', '', [site.seal(), make('div', '', [
      site.link('/e/' + Number(vote.number), vote.title),
      make('p', 'by', [make('span', 'no', number), site.moment(Date.parse(vote.at))]),
      make('p', 'by receipt', [make('span', '', ['回执', make('span', 'no', vote.receipt)]), copy])
    ])]);
  }

  function group(name, votes) {
    if (!votes.length) return;
    slips.appendChild(make('h2', '', [name, make('span', '', votes.length + ' 票')]));
    slips.appendChild(make('ol', 'slips', votes.map(slip)));
  }

  function show() {
    var today = site.dayOf(site.now());
    var votes = site.votes();
    function isToday(vote) { return site.dayOf(Date.parse(vote.at)) === today; }
    none.hidden = votes.length > 0;
    slips.textContent = '';
    slips.hidden = !votes.length;
    group('今天', votes.filter(isToday));
    group('以前', votes.filter(function (vote) { return !isToday(vote); }));
  }

  /** One line, large, with what follows from it below; `n` is the figure in it. */
  function say(words, more, n, place, link) {
    var parts = words.split('#');
    if (n) parts.splice(1, 0, make('b', '', String(n)));
    left.textContent = '';
    left.appendChild(make('p', '', parts.concat(make('small', '', more))));
    if (place) left.appendChild(site.link(place, link, 'button'));
  }

  function tell(me) {
    var day = site.daily;
    var used = me.votes_per_voter - me.votes_left;
    if (used > 0) none.hidden = true; // they were cast elsewhere, or their receipts were lost
    if (me.phase === 'before') say('投票还没开始', site.moment(Date.parse(me.opens)) + ' 开始');
    else if (me.phase === 'paused') say('投票暂停中', '恢复后可以接着投，已投的票都有效');
    else if (me.phase === 'closed') say('投票已结束', '核对以后公布结果', 0, '/top', '看排行');
    else if (me.phase === 'under_review') say('投票已结束', '结果正在核对', 0, '/results', '看进展');
    else if (me.phase === 'published') say('结果已公布', '谢谢您的每一票', 0, '/results', '看结果');
    else if (me.sign_in === 'elsewhere') say('请在微信里投票', '打开作品页，点“在微信里投票”看怎么做');
    else if (!me.votes_left) say(day ? '今天的 # 票投完了' : '您的 # 票投完了', day ? '明天 0 点后可以再投' : '谢谢您的参与', me.votes_per_voter);
    else say((day ? '今天' : '') + '还能投 # 票', used > 0 ? '已经投了 ' + used + ' 票' : day ? '每天 0 点重新计算' : '', me.votes_left);
  }

  function ask() {
    clearTimeout(timer);
    site.call('GET', '/api/v1/me').then(function (answer) {
      if (answer.ok) { tell(answer.data); return; }
      if (answer.status) say('暂时查不到还能投几票', '投票服务正在恢复，已投的票都在');
      else say('现在没有网络', '连上以后再查还能投几票');
      timer = setTimeout(ask, 10000);
    });
  }

  function look() {
    show();
    ask();
  }

  look();
  window.addEventListener('pageshow', function (event) { if (event.persisted) look(); });
  window.addEventListener('online', ask);
  window.addEventListener('turn', look);
  document.addEventListener('visibilitychange', function () { if (!document.hidden) look(); });
})();

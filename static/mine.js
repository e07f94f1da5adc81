/* My votes: what this device remembers, and what the server says is left. */
(function () {
  'use strict';

  var site = window.site;
  var left = document.getElementById('left');
  var slips = document.getElementById('slips');

  function slip(vote) {
    var item = site.make('li');
    var body = site.make('div');
    var title = site.make('a', '', vote.title);
    title.href = '/e/' + Number(vote.number);
    var number = ('00' + vote.number).slice(-Math.max(3, String(vote.number).length));
    var fact = site.make('p', 'by');
    fact.appendChild(site.make('span', 'no', number));
    fact.appendChild(document.createTextNode(site.moment(Date.parse(vote.at))));
    var receipt = site.make('p', 'by', '回执 ');
    receipt.appendChild(site.make('span', 'no', vote.receipt));
    body.appendChild(title);
    body.appendChild(fact);
    body.appendChild(receipt);
    item.appendChild(site.seal());
    item.appendChild(body);
    return item;
  }

  function group(name, votes) {
    if (!votes.length) return;
    slips.appendChild(site.make('h2', '', name + ' ' + votes.length + ' 票'));
    var list = site.make('ol', 'slips');
    votes.forEach(function (vote) { list.appendChild(slip(vote)); });
    slips.appendChild(list);
  }

  function show() {
    var today = site.dayOf(Date.now());
    var votes = site.votes();
    slips.textContent = '';
    if (!votes.length) {
      var none = site.make('div', 'none');
      none.appendChild(site.make('p', '', '这台设备上还没有投票记录。'));
      var go = site.make('a', 'button', '去看作品');
      go.href = '/';
      none.appendChild(go);
      slips.appendChild(none);
    }
    group('今天', votes.filter(function (vote) { return site.dayOf(Date.parse(vote.at)) === today; }));
    group('以前', votes.filter(function (vote) { return site.dayOf(Date.parse(vote.at)) !== today; }));
  }

  function number(before, n, after) {
    left.textContent = before;
    left.appendChild(site.make('b', '', String(n)));
    left.appendChild(document.createTextNode(after));
  }

  function ask() {
    site.call('GET', '/api/v1/me').then(function (answer) {
      var me = answer.data;
      if (!answer.ok) left.textContent = answer.status ? '投票服务正在恢复，暂时查不到还能投几票。' : '没有网络，暂时查不到还能投几票。';
      else if (me.phase === 'before') left.textContent = '投票 ' + site.moment(Date.parse(me.opens)) + ' 开始';
      else if (me.phase === 'published') left.textContent = '投票已结束，结果已公布';
      else if (me.phase === 'under_review') left.textContent = '投票已结束，结果核对中';
      else if (me.phase === 'closed') left.textContent = '投票已结束';
      else if (me.phase === 'paused') left.textContent = '投票暂停中，恢复后可以接着投';
      else if (!me.votes_left) left.textContent = me.period === 'day' ? '今天的票投完了，明天 0 点后可以再投' : '您的票已经投完';
      else number(me.period === 'day' ? '今天还能投 ' : '还能投 ', me.votes_left, ' 票');
    });
  }

  show();
  ask();
  window.addEventListener('pageshow', function (event) { if (event.persisted) { show(); ask(); } });
})();

/* Plays WeChat's JS-SDK: checks a page's signature as a phone does, and notes in window.shared what
   would be shared. The answer comes as a script, so that the page's policy is held to the host too. */
(function () {
  'use strict';
  var base = document.currentScript.src.replace(/\/jweixin\.js.*$/, '');
  var landed = performance.getEntriesByType('navigation')[0].name;
  var iphone = /iPhone|iPad/.test(navigator.userAgent);
  var onready = [];
  var onerror = null;
  var done = false;

  window.shared = { friend: null, timeline: null, said: [] };

  function note(name) {
    return function (card) {
      if (!done) { if (card.fail) card.fail({ errMsg: 'the page is not signed' }); return; }
      window.shared[name] = { title: card.title, desc: card.desc, link: card.link, imgUrl: card.imgUrl };
      if (card.success) card.success({ errMsg: 'ok' });
    };
  }

  window.wx = {
    config: function (given) {
      var url = (iphone ? landed : location.href).split('#')[0];
      var script = document.createElement('script');
      script.src = base + '/jweixin/check.js?appId=' + encodeURIComponent(given.appId) +
        '&timestamp=' + encodeURIComponent(given.timestamp) + '&nonceStr=' + encodeURIComponent(given.nonceStr) +
        '&signature=' + encodeURIComponent(given.signature) + '&url=' + encodeURIComponent(url);
      document.head.appendChild(script);
    },
    ready: function (then) { if (done) then(); else onready.push(then); },
    error: function (then) { onerror = then; },
    updateAppMessageShareData: note('friend'),
    updateTimelineShareData: note('timeline'),
    _checked: function (said) {
      window.shared.said.push(said);
      if (said === 'config:ok') {
        done = true;
        onready.forEach(function (then) { then(); });
      } else if (onerror) onerror({ errMsg: said });
    }
  };
})();

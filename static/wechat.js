/* The card that WeChat makes of this page when somebody shares it. Loaded by site.js in WeChat only,
   after the page. Every failure is silent: what is shared then is a plain link. */
(function () {
  'use strict';

  var site = window.site;
  // Signing in leaves WeChat's own mark on the address, because redirects hand it on.
  if (location.hash === '#wechat_redirect') history.replaceState(history.state, '', location.pathname + location.search);
  var here = location.href.split('#')[0];
  var landed = site.landed.split('#')[0];
  // iOS counts a page as the address that was opened first, Android as the one that is shown now.
  var urls = /iPhone|iPad|iPod/.test(navigator.userAgent) ? [landed, here] : [here, landed];
  if (here === landed) urls.pop();
  var ready = false;

  function told(name) {
    return document.querySelector('meta[property="og:' + name + '"]').content;
  }

  function offer() {
    if (!ready) return;
    var link = told('url') + (site.code ? '?s=' + site.code : '');
    var card = { title: told('title'), desc: told('description'), link: link, imgUrl: told('image') };
    wx.updateTimelineShareData(card);
    wx.updateAppMessageShareData(card);
  }

  function sign() {
    var url = urls.shift();
    if (url) site.call('GET', '/api/v1/wechat/signature?url=' + encodeURIComponent(url)).then(function (answer) {
      if (answer.ok) wx.config({
        debug: false, appId: answer.data.app_id, timestamp: answer.data.timestamp, nonceStr: answer.data.nonce,
        signature: answer.data.signature, jsApiList: ['updateAppMessageShareData', 'updateTimelineShareData']
      });
    });
  }

  var sdk = document.createElement('script');
  sdk.src = document.documentElement.getAttribute('data-wechat-sdk');
  sdk.onload = function () {
    if (!window.wx || !wx.config) return;
    wx.ready(function () { ready = true; offer(); });
    wx.error(sign);
    sign();
  };
  window.addEventListener('share-link', offer);
  document.head.appendChild(sdk);
})();

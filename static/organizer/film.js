/* An entry's video and its four frames: space, arrows, S, 1 to 4. */
(function () {
  'use strict';

  var film = document.querySelector('.film');
  var video = film && film.querySelector('video');
  var still = film && film.querySelector('.still');
  var SPEEDS = [1, 1.5, 2];

  if (!film) return;

  // ---- the video ----

  function play() {
    if (video.paused) video.play().catch(function () { /* the controls say why */ });
    else video.pause();
  }

  function seek(seconds) {
    var end = isFinite(video.duration) ? video.duration : 1e9;
    video.currentTime = Math.max(0, Math.min(end, video.currentTime + seconds));
  }

  function say(words) {
    var note = film.querySelector('.speed');
    note.textContent = words;
    note.hidden = !words;
  }

  function setSpeed(speed) {
    video.defaultPlaybackRate = video.playbackRate = speed;
    say(speed === 1 ? '' : speed + ' 倍速');
    try { sessionStorage.setItem('speed', speed); } catch (e) { /* a browser may forbid it */ }
  }

  function faster() {
    setSpeed(SPEEDS[(SPEEDS.indexOf(video.playbackRate) + 1) % SPEEDS.length]);
  }

  function lastSpeed() {
    try { return Number(sessionStorage.getItem('speed')); } catch (e) { return 1; }
  }

  // ---- a frame, large, in the video's place ----

  function hide() {
    var was = !still.hidden;
    still.hidden = true;
    still.removeAttribute('data-frame');
    return was;
  }

  function enlarge(n) {
    var link = film.querySelector('[data-frame="' + n + '"]');
    if (!link) return;
    if (still.getAttribute('data-frame') === String(n)) { hide(); return; }
    if (video) video.pause();
    still.querySelector('img').src = link.href;
    still.querySelector('p').textContent = '第 ' + n + ' 张画面，按 Esc 收起';
    still.setAttribute('data-frame', n);
    still.hidden = false;
  }

  still.addEventListener('click', hide);
  film.addEventListener('click', function (event) {
    var link = event.target.closest('[data-frame]');
    if (!link || link === still || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    enlarge(link.getAttribute('data-frame'));
  });

  if (video) {
    Console.key(' ', '播放，暂停', function () { hide(); play(); });
    Console.key('arrowleft', '退 5 秒', function () { seek(-5); });
    Console.key('arrowright', '进 5 秒', function () { seek(5); });
    Console.key('s', '快放：1、1.5、2 倍', faster);
  }
  Console.key(['1', '2', '3', '4'], '放大一张画面，再按一次收起', function (n) {
    if (document.querySelector('details.ask[open]')) return false; // digits are its answers
    enlarge(n);
  });
  Console.key('escape', '', hide);

  if (video && SPEEDS.indexOf(lastSpeed()) > 0) setSpeed(lastSpeed());
})();

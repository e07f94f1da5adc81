/* Loaded only when the site asks for it: many newcomers come from this network, and each lets the
   device compute for a moment. ALTCHA's protocol (SHA-256): the page starts this same file as a
   worker, which looks for the counter. Plain 2018 script with a SHA-256 of its own, because old
   kernels have none, and pages without TLS mustn't use it. */
(function () {
  'use strict';

  var BATCH = 20000; // a few ten milliseconds on an old phone
  var START = new Int32Array([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]);
  var K = new Int32Array(64);
  var W = new Int32Array(64);
  var H = new Int32Array(8);

  /** Fractions of the first primes' cube roots, as the standard has it. */
  function roots() {
    for (var n = 2, at = 0; at < 64; n++) {
      var prime = true;
      for (var by = 2; by * by <= n; by++) if (n % by === 0) prime = false;
      if (prime) K[at++] = Math.pow(n, 1 / 3) % 1 * 4294967296;
    }
  }

  /** SHA-256 of the one block in W, into H. */
  function compress() {
    var a = START[0], b = START[1], c = START[2], d = START[3], e = START[4], f = START[5], g = START[6], h = START[7];
    var i, x, y;
    for (i = 16; i < 64; i++) {
      x = W[i - 15];
      y = W[i - 2];
      W[i] = W[i - 16] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) +
        W[i - 7] + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
    }
    for (i = 0; i < 64; i++) {
      x = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (g ^ e & (f ^ g)) + K[i] + W[i] | 0;
      y = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b | c & (a | b)) | 0;
      h = g; g = f; f = e; e = d + x | 0; d = c; c = b; b = a; a = x + y | 0;
    }
    H[0] = START[0] + a; H[1] = START[1] + b; H[2] = START[2] + c; H[3] = START[3] + d;
    H[4] = START[4] + e; H[5] = START[5] + f; H[6] = START[6] + g; H[7] = START[7] + h;
  }

  function hex() {
    return [].map.call(H, function (word) { return ('0000000' + (word >>> 0).toString(16)).slice(-8); }).join('');
  }

  /** Try so many counters from here on → the solution, or null. */
  function look(of, from) {
    var head = of.salt + of.nonce; // 32 bytes, then the counter's four
    var first = parseInt(of.keyPrefix.slice(0, 8), 16) | 0;
    for (var at = 0; at < 8; at++) W[at] = parseInt(head.slice(8 * at, 8 * at + 8), 16);
    for (at = 9; at < 15; at++) W[at] = 0;
    W[9] = 0x80000000;
    W[15] = 8 * 36;
    for (var counter = from; counter < from + BATCH; counter++) {
      W[8] = counter;
      compress();
      if (H[0] === first && hex().indexOf(of.keyPrefix) === 0) return { counter: counter, derivedKey: hex() };
    }
    return null;
  }

  /** Look batch by batch, and let others have a turn in between; `say` hears of how far it is. */
  function search(of, say) {
    var from = 0;
    (function next() {
      var solution = look(of, from);
      from += BATCH;
      say({ solution: solution, part: Math.min(from / of.data.most, 1) });
      if (!solution && from < 2 * of.data.most) setTimeout(next, 0);
    })();
  }

  roots();
  if (typeof document === 'undefined') {
    onmessage = function (event) { search(event.data, postMessage); };
    return;
  }

  // ---- on the page ----

  var asked = window.site.challenge;
  var of = asked.of.parameters;
  var bar = window.site.make('progress');
  var worker = null;
  bar.setAttribute('aria-label', '确认到哪里了');

  function hear(news) {
    bar.value = news.part;
    asked.paint('busy', '请稍等', '确认完就自动投票');
    if (!news.solution) return;
    if (worker) worker.terminate();
    asked.done(btoa(JSON.stringify({ challenge: asked.of, solution: news.solution })));
  }

  /** Without a worker the page itself computes: it stays usable, because it does so by batches. */
  function alone() {
    worker = null;
    search(of, hear);
  }

  asked.tell('正在确认您不是机器，大约 2 秒…', [
    window.site.make('span', '', '这个网络里新来的投票人比较多。您不用做什么，请不要离开这一页'), bar
  ]);
  try {
    worker = new Worker(document.currentScript.src);
    worker.onmessage = function (event) { hear(event.data); };
    worker.onerror = alone;
    worker.postMessage(of);
  } catch (e) {
    alone();
  }
})();

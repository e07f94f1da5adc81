/* Uploading submissions: two files at a time, each told how it stands, what failed tried again. */
(function () {
  'use strict';

  var part = document.querySelector('.upload');
  var drop = part.querySelector('.drop');
  var going = part.querySelector('.going');
  var list = part.querySelector('.files');
  var start = part.querySelector('.start');
  var again = going.querySelector('.again');
  var halt = going.querySelector('.halt');
  var bar = going.querySelector('progress');
  var token = document.querySelector('meta[name=csrf-token]').content;
  var batch = part.getAttribute('data-batch');
  var had = number('had'), room = number('room'), mostBytes = number('most-bytes'), mostFiles = number('most-files');
  var forms = part.getAttribute('data-forms').split(' ');
  var videos = part.getAttribute('data-videos').split(' ');
  var AT_ONCE = 2, TRIES = 3;
  var files = []; // {file, path, state, sent, why, item, tries, request}
  var halted = false;
  var began = 0, sentBefore = 0;

  function number(name) { return Number(part.getAttribute('data-' + name)); }
  function make(tag, name, text) {
    var made = document.createElement(tag);
    if (name) made.className = name;
    if (text) made.textContent = text;
    return made;
  }
  function size(bytes) {
    if (bytes >= 1073741824) return (bytes / 1073741824).toFixed(1) + ' GB';
    if (bytes >= 104857.6) return (bytes / 1048576).toFixed(bytes < 10485760 ? 1 : 0) + ' MB';
    return Math.max(1, Math.round(bytes / 1024)) + ' KB';
  }
  function sum(of, what) { return of.reduce(function (total, one) { return total + what(one); }, 0); }
  function inState(state) { return files.filter(function (one) { return one.state === state; }); }
  function suffix(name) { var at = name.lastIndexOf('.'); return at < 0 ? '' : name.slice(at).toLowerCase(); }
  function hidden(name) { return /^(\.|~\$|Thumbs\.db$|desktop\.ini$)/i.test(name); }

  // ---- choosing ----

  /** Why a file isn't even sent; '' when it is. */
  function whyNot(file) {
    var kind = suffix(file.name);
    if (forms.indexOf(kind) < 0 && videos.indexOf(kind) < 0) {
      return /^\.(zip|rar|7z|tar|gz)$/.test(kind) ? '是压缩包，请解开后再传' : '既不是报名表（.docx），也不是视频（.mp4），没有传';
    }
    if (file.size > mostBytes) return '有 ' + size(file.size) + '，超过 ' + size(mostBytes) + '，没有传';
    if (!file.size) return '是空文件，没有传';
    return '';
  }

  /** `found`: [{file, path}], the path without the folder that was chosen. */
  function add(found) {
    found = found.filter(function (one) { return !hidden(one.file.name); });
    var total = had + files.filter(function (one) { return one.state !== 'refused'; }).length + found.length;
    var bytes = sum(inState('waiting').concat(inState('sending'), found), function (one) { return one.file.size; });
    if (!found.length) return;
    if (total > mostFiles) { say('一批最多 ' + mostFiles + ' 个文件，这样就有 ' + total + ' 个了。请分几批：先传一批，开始收件，再传下一批。', true); return; }
    if (bytes > room) { say('这些文件一共 ' + size(bytes) + '，服务器只放得下 ' + size(room) + '。请分几批，或先腾出磁盘空间。', true); return; }
    found.forEach(function (one) {
      var same = files.filter(function (other) { return other.path === one.path; })[0];
      if (same) forget(same); // the same file again replaces the older one, here as on the server
      one.why = whyNot(one.file);
      one.state = one.why ? 'refused' : 'waiting';
      one.sent = 0;
      one.tries = 0;
      one.item = line(one);
      files.push(one);
    });
    going.hidden = list.hidden = false;
    inState('refused').forEach(function (one) { list.prepend(one.item); });
    if (!began) { began = performance.now(); sentBefore = 0; }
    halted = false;
    next();
  }

  function forget(one) {
    if (one.request) one.request.abort();
    one.item.remove();
    files.splice(files.indexOf(one), 1);
  }

  function line(one) {
    var item = make('li');
    item.append(make('span', 'clip', one.path), make('span', 'size', size(one.file.size)));
    if (one.why) item.append(make('span', 'why', one.why));
    list.append(item);
    return item;
  }

  function fromInput(input) {
    add([].map.call(input.files, function (file) {
      var path = file.webkitRelativePath || file.name;
      return { file: file, path: file.webkitRelativePath ? path.slice(path.indexOf('/') + 1) : path };
    }));
    input.value = '';
  }

  /** Files of what was dropped, also of folders in it. */
  function walk(entry, before) {
    if (entry.isFile) {
      return new Promise(function (done) {
        entry.file(function (file) { done([{ file: file, path: before + file.name }]); }, function () { done([]); });
      });
    }
    var reader = entry.createReader(), found = [];
    return new Promise(function (done) {
      (function more() { // a reader hands out a hundred at a time
        reader.readEntries(function (some) {
          if (some.length) { found = found.concat([].slice.call(some)); more(); return; }
          Promise.all(found.map(function (one) { return walk(one, before + entry.name + '/'); })).then(function (parts) { done([].concat.apply([], parts)); });
        }, function () { done([]); });
      })();
    });
  }

  function dropped(event) {
    event.preventDefault();
    drop.classList.remove('over');
    var items = [].slice.call(event.dataTransfer.items || []);
    var entries = items.map(function (item) { return item.webkitGetAsEntry && item.webkitGetAsEntry(); }).filter(Boolean);
    var one = entries.length === 1 && entries[0].isDirectory;
    Promise.all(entries.map(function (entry) { return walk(entry, ''); })).then(function (parts) {
      var found = [].concat.apply([], parts);
      if (one) found.forEach(function (file) { file.path = file.path.slice(file.path.indexOf('/') + 1); });
      add(found);
    });
  }

  // ---- sending ----

  function next() {
    while (!halted && inState('sending').length < AT_ONCE && inState('waiting').length) send(inState('waiting')[0]);
    show();
  }

  function send(one) {
    var request = one.request = new XMLHttpRequest();
    var ahead = make('progress');
    ahead.max = one.file.size;
    ahead.value = 0;
    one.state = 'sending';
    one.tries += 1;
    one.item.append(ahead);
    if (one.item.offsetTop + one.item.offsetHeight > list.scrollTop + list.clientHeight + list.offsetTop) one.item.scrollIntoView({ block: 'nearest' });
    request.open('POST', '/organizer/intake/' + batch + '/files?name=' + encodeURIComponent(one.path));
    request.setRequestHeader('X-CSRFToken', token);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.setRequestHeader('Accept', 'application/json');
    request.upload.onprogress = function (event) { one.sent = ahead.value = Math.min(event.loaded, one.file.size); show(); };
    request.onload = function () { done(one, ahead, request); };
    request.onerror = function () { failed(one, ahead, '没有传到：网络断了，或者文件已经被移动', true); };
    request.onabort = function () { ahead.remove(); };
    request.send(one.file);
  }

  function done(one, ahead, request) {
    if (request.status === 200) {
      ahead.remove();
      one.state = 'whole';
      one.sent = one.file.size;
      one.item.append(make('span', 'hide', '传好了'));
      one.item.querySelector('.size').className = 'size whole';
      next();
      return;
    }
    var said = '';
    try { said = JSON.parse(request.responseText).detail; } catch (e) { /* a page, not an answer of ours */ }
    if (request.status === 403) { said = '登录已经过期，请刷新页面重新登录，再接着传'; halted = true; }
    failed(one, ahead, said || '服务器没有收下（' + request.status + '），请再试一次', request.status >= 500 && request.status !== 507);
  }

  function failed(one, ahead, why, mayTry) {
    ahead.remove();
    one.sent = 0;
    if (mayTry && one.tries < TRIES) {
      one.state = 'pausing';
      setTimeout(function () { if (one.state === 'pausing') { one.state = 'waiting'; next(); } }, 1500 * one.tries);
      show();
      return;
    }
    one.state = 'failed';
    one.why = why;
    one.item.append(make('span', 'why', why));
    list.prepend(one.item);
    next();
  }

  again.addEventListener('click', function () {
    inState('failed').forEach(function (one) {
      one.item.querySelector('.why').remove();
      one.state = 'waiting';
      one.tries = 0;
    });
    halted = false;
    began = 0;
    next();
  });
  halt.addEventListener('click', function () {
    halted = !halted;
    began = 0;
    next();
  });

  // ---- how it stands ----

  function say(sentence, wrong) {
    going.hidden = false;
    going.querySelector('.how').textContent = sentence;
    going.querySelector('.how').classList.toggle('wrong', Boolean(wrong));
  }

  function left(sent, total) {
    if (!began) { began = performance.now(); sentBefore = sent; }
    var seconds = (performance.now() - began) / 1000, speed = (sent - sentBefore) / seconds;
    if (seconds < 3 || speed <= 0) return '';
    var rest = (total - sent) / speed;
    return rest < 60 ? '，大约还要 ' + Math.max(1, Math.ceil(rest / 5) * 5) + ' 秒' : '，大约还要 ' + Math.ceil(rest / 60) + ' 分钟';
  }

  function stem(path) {
    var name = path.normalize ? path.normalize('NFC') : path;
    return name.slice(0, name.lastIndexOf('.')).replace(/(\s*[（(]\d{1,2}[)）]|\s*-\s*副本)+$/, '').trim();
  }

  /** Whether each form has its video; only a hint, for intake looks closer. */
  function pairs() {
    var kinds = {};
    files.forEach(function (one) {
      if (one.state === 'refused' || one.path.indexOf('/') >= 0) return;
      var kind = forms.indexOf(suffix(one.file.name)) < 0 ? 'v' : 'f', key = stem(one.path);
      if ((kinds[key] || '').indexOf(kind) < 0) kinds[key] = (kinds[key] || '') + kind;
    });
    var all = Object.keys(kinds).map(function (key) { return kinds[key]; });
    var whole = all.filter(function (kind) { return kind.length === 2; }).length;
    var forms_ = all.filter(function (kind) { return kind === 'f'; }).length;
    var videos_ = all.filter(function (kind) { return kind === 'v'; }).length;
    var words = whole ? '看起来是 ' + whole + ' 件投稿。' : '';
    if (forms_) words += forms_ + ' 份报名表没有同名的视频。';
    if (videos_) words += videos_ + ' 个视频没有同名的报名表。';
    return words;
  }

  var drawn = false;
  function show() {
    if (drawn) return;
    drawn = true;
    requestAnimationFrame(function () { drawn = false; draw(); });
  }

  function draw() {
    var real = files.filter(function (one) { return one.state !== 'refused'; });
    var total = sum(real, function (one) { return one.file.size; });
    var sent = sum(real, function (one) { return one.sent; });
    var whole = inState('whole').length, lost = inState('failed').length, refused = inState('refused').length;
    var busy = real.length - whole - lost;
    bar.max = total || 1;
    bar.value = sent;
    var words = busy ? (halted ? '暂停了：' : '正在上传：') + '传好 ' + whole + ' / ' + real.length + ' 个，' + size(sent) + ' / ' + size(total) + (halted ? '' : left(sent, total))
      : '传好 ' + whole + ' 个文件' + (total ? '，' + size(sent) : '');
    if (lost) words += '；' + lost + ' 个没传好';
    if (refused) words += '；' + refused + ' 个没有传，见下面';
    going.querySelector('.how').ariaBusy = Boolean(busy && !halted); // only the end is read out
    say(words, false);
    going.querySelector('.pairs').textContent = pairs();
    again.hidden = !lost || Boolean(busy && !halted);
    again.textContent = '重试没传好的 ' + lost + ' 个';
    halt.hidden = !busy;
    halt.textContent = halted ? '接着传' : '暂停';
    start.hidden = !(whole + had);
    start.querySelector('button').disabled = Boolean(busy);
    drop.querySelector('.button').classList.remove('main');
  }

  // ---- the page ----

  drop.querySelector('.no-script').hidden = true;
  var folder = drop.querySelector('.folder');
  folder.hidden = !('webkitdirectory' in document.createElement('input')) || matchMedia('(pointer: coarse)').matches;
  drop.addEventListener('change', function (event) { fromInput(event.target); });
  drop.addEventListener('dragover', function (event) { event.preventDefault(); drop.classList.add('over'); });
  drop.addEventListener('dragleave', function () { drop.classList.remove('over'); });
  drop.addEventListener('drop', dropped);
  drop.addEventListener('submit', function (event) { event.preventDefault(); });
  window.addEventListener('beforeunload', function (event) {
    if (inState('sending').length) { event.preventDefault(); event.returnValue = ''; }
  });
  document.addEventListener('job:ended', function () {
    if (!files.length) location.reload(); // not from under an upload
  });
})();

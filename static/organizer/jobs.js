// Jobs that are at work, live: bar, sentence, time left; the files when it is done.
(() => {
  'use strict';

  const ENDED = ['done', 'failed', 'stopped'];

  function left(seconds) {
    if (seconds === null) return '';
    if (seconds < 10) return '马上就好';
    if (seconds < 60) return `大约还要 ${Math.ceil(seconds / 10) * 10} 秒`;
    if (seconds < 3600) return `大约还要 ${Math.ceil(seconds / 60)} 分钟`;
    return `大约还要 ${Math.ceil(seconds / 3600)} 小时`;
  }

  function say(job, words) {
    const line = job.querySelector('.job-how');
    line.ariaBusy = !ENDED.includes(job.dataset.state); // only the end is read out
    if (line.textContent !== words) line.textContent = words;
  }

  /** Returns whether it has ended. */
  function show(job, now) {
    job.dataset.state = now.state;
    say(job, now.standing);
    const bar = job.querySelector('progress');
    if (now.total) { bar.max = now.total; bar.value = now.done; }
    job.querySelector('.job-eta').textContent = left(now.eta_s);
    if (!ENDED.includes(now.state)) return false;
    for (const part of job.querySelectorAll('progress, .job-eta, .job-stop')) part.remove();
    job.querySelector('.job-files').innerHTML = now.files;
    job.dispatchEvent(new CustomEvent('job:ended', { bubbles: true }));
    return true;
  }

  function miss(job, status) {
    if (status !== 403 && status !== 404) return false;
    say(job, status === 403 ? '登录已经过期，请刷新页面' : '这件工作已经不在了');
    return true;
  }

  document.addEventListener('submit', event => {
    const form = event.target.closest('.job-stop');
    if (!form) return;
    event.preventDefault();
    form.querySelector('button').disabled = true;
    say(form.closest('.job'), '正在停止');
    fetch(form.action, { method: 'POST', body: new FormData(form), redirect: 'manual' }).catch(() => form.submit());
  });

  for (const job of document.querySelectorAll('[data-job]')) {
    if (!ENDED.includes(job.dataset.state)) Console.poll(() => job.dataset.job, 1000, now => show(job, now), status => miss(job, status));
  }
})();

// The vote's page: the countdown, the jury's choice, and the page anew when the result is computed.
(function () {
  'use strict';

  function two(n) { return (n < 10 ? '0' : '') + n; }

  function remaining(ms) {
    var s = Math.max(0, Math.floor(ms / 1000));
    if (s >= 86400) return Math.floor(s / 86400) + ' 天 ' + Math.floor(s % 86400 / 3600) + ' 小时';
    return two(Math.floor(s / 3600)) + ':' + two(Math.floor(s % 3600 / 60)) + ':' + two(s % 60);
  }

  var clock = document.querySelector('[data-until]');
  if (clock) setInterval(function () { clock.textContent = remaining(clock.dataset.until - Date.now()); }, 1000);

  // No more may be ticked than there are places.
  document.querySelectorAll('[data-seats]').forEach(function (choice) {
    var seats = Number(choice.dataset.seats);
    choice.addEventListener('change', function () {
      var full = choice.querySelectorAll(':checked').length >= seats;
      choice.querySelectorAll('input:not(:checked)').forEach(function (box) { box.disabled = full; });
    });
  });

  document.addEventListener('job:ended', function () { location.reload(); });
})();

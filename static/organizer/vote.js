// The vote's page: the jury's choice, and the page anew when the result is computed.
(() => {
  'use strict';

  // No more may be ticked than there are places.
  for (const choice of document.querySelectorAll('[data-seats]')) {
    choice.addEventListener('change', () => {
      const full = choice.querySelectorAll(':checked').length >= choice.dataset.seats;
      for (const box of choice.querySelectorAll('input:not(:checked)')) box.disabled = full;
    });
  }

  document.addEventListener('job:ended', () => location.reload());
})();

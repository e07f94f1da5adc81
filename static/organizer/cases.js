// Cases: a question that opens asks for its reason at once; J and K walk through the list.
(() => {
  'use strict';

  for (const ask of document.querySelectorAll('details.ask')) {
    ask.addEventListener('toggle', () => {
      if (!ask.open) return;
      for (const other of document.querySelectorAll('details.ask[open]')) if (other !== ask) other.open = false;
      ask.querySelector('input[name=reason]').focus();
    });
  }
  Console.key('escape', '', () => {
    const open = document.querySelector('details.ask[open]');
    if (!open) return false;
    open.open = false;
    open.querySelector('summary').focus();
    return true;
  });

  document.addEventListener('job:ended', () => location.reload());

  // What is to be decided stays beside the evidence; one higher than the window shows its foot last.
  const beside = document.querySelector('.split > aside');
  if (beside) {
    const place = () => { beside.style.top = `${Math.min(0, innerHeight - beside.offsetHeight)}px`; };
    beside.classList.add('follows');
    new ResizeObserver(place).observe(beside);
    addEventListener('resize', place);
  }

  const links = Array.from(document.querySelectorAll('.matters h3 a'));
  if (!links.length) return;
  Console.key(['j', 'k'], '下一组，上一组（回车打开）', letter => {
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + (letter === 'j' ? 1 : -1)));
    links[next].focus();
  });
})();

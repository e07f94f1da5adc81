/* Choosing several entries: all at once, and how many. */
(function () {
  'use strict';

  var form = document.querySelector('.together');
  if (!form) return;
  var boxes = [].slice.call(form.querySelectorAll('input[name=number]'));
  var all = document.getElementById('pick-all');

  function picked() { return boxes.filter(function (box) { return box.checked; }).length; }

  function show() {
    document.getElementById('picked').textContent = picked() ? ' ' + picked() + ' 件' : '';
    form.querySelector('button.main').disabled = !picked();
    all.textContent = picked() === boxes.length ? '全不选' : '全选没有疑点的 ' + boxes.length + ' 件';
  }

  all.hidden = false;
  all.addEventListener('click', function () {
    var on = picked() < boxes.length;
    boxes.forEach(function (box) { box.checked = on; });
    show();
  });
  form.addEventListener('change', show);
  window.addEventListener('pageshow', show);
  show();
})();

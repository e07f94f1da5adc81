/* 总览: asks every five seconds, puts the pieces of HTML in their places, and draws the two charts. */
(() => {
  'use strict';

  const EVERY_MS = 5000;
  const HOUR = 3600000;
  const AHEAD = 8; // Shanghai's hours
  const LATELY = 48;
  const $ = id => document.getElementById(id);
  const still = window.matchMedia('(prefers-reduced-motion: reduce)');
  const dark = window.matchMedia('(prefers-color-scheme: dark)');

  let seen = null;
  let latest = 0;

  /* ---- words ---- */

  const two = Console.two;
  const count = n => n.toLocaleString('en-US');
  const there = ms => new Date(ms + AHEAD * HOUR); // read with getUTC…
  const clock = ms => { const at = there(ms); return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`; };
  const date = ms => { const at = there(ms); return `${at.getUTCMonth() + 1}月${at.getUTCDate()}日`; };
  const ofDay = day => { const at = new Date(day * 24 * HOUR); return `${at.getUTCMonth() + 1}月${at.getUTCDate()}日`; };
  const hourOf = hour => (hour + AHEAD) % 24;
  const ofHour = hour => `${date(hour * HOUR)} ${hourOf(hour)} 时`;

  function say(words, state) {
    if ($('lately').textContent !== words) $('lately').textContent = words;
    $('live').ariaBusy = state === 'on'; // a clock that ticks isn't read out
    $('live').classList.toggle('on', state === 'on');
    $('live').classList.toggle('off', state === 'off');
  }

  /* ---- asking ---- */

  const ask = Console.poll(() => `/organizer/figures.json?entry=${$('over-time').querySelector('select').value}`, EVERY_MS, show, miss);

  function miss(status) {
    if (status === 401 || status === 403) {
      say('登录已过期，这一页不再更新。', 'off');
      const again = document.createElement('a');
      again.href = '/organizer/log-in?to=/organizer/';
      again.textContent = '重新登录';
      $('lately').append(' ', again);
      return true;
    }
    const since = latest ? `；这里是 ${clock(latest)} 的情况` : '';
    say(status === 503 ? `票数据库连不上，正在重试${since}。请看服务器上网站的程序还在不在运行。` : `连不上，正在重试${since}`, 'off');
    return false;
  }

  function show(found) {
    Console.setClock(found.now_ms);
    latest = found.now_ms;
    say(`实时，${clock(found.now_ms)} 更新`, 'on');
    for (const [name, html] of Object.entries(found.parts)) put(name, html);
    if (JSON.stringify(found.charts) !== JSON.stringify(seen)) {
      seen = found.charts;
      draw();
    }
  }

  const shown = {};
  function put(name, html) {
    const place = document.querySelector(`[data-part="${name}"]`);
    // What has the keyboard's focus isn't taken from under the fingers.
    if (shown[name] === html || place.contains(document.activeElement)) return;
    if (place.innerHTML !== html) place.innerHTML = html;
    shown[name] = html;
  }

  /* ---- charts ---- */

  const tone = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const faint = color => `${color}59`; // the tokens are #rrggbb
  const charts = {};

  function draw() {
    if (!seen || !window.Chart) return;
    const chart = window.Chart;
    chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    chart.defaults.font.size = 12;
    chart.defaults.color = tone('ink-2');
    chart.defaults.borderColor = tone('edge');
    paint('time', timeChart(seen.time));
    paint('race', raceChart(seen.race));
  }

  function paint(id, config) {
    const old = charts[id];
    config.options.animation = still.matches ? false : { duration: 200 };
    config.options.responsive = true;
    config.options.maintainAspectRatio = false;
    if (old && old.config.type === config.type) {
      old.data = config.data;
      old.options = config.options;
      old.update(config.options.animation ? undefined : 'none');
    } else {
      charts[id] = new window.Chart($(id), config);
    }
  }

  function tooltip(more) {
    return Object.assign({
      backgroundColor: tone('ink'), titleColor: tone('stone'), bodyColor: tone('stone'),
      padding: 10, cornerRadius: 6, displayColors: false, boxPadding: 4,
    }, more);
  }

  const scale = more => Object.assign({ grid: { color: tone('edge') }, border: { display: false } }, more);

  /** Every hour or day up to the last one, those without votes too: what isn't there is a zero. */
  function filled(rows, last, most) {
    const of = new Map(rows.map(row => [row[0], row]));
    const first = Math.max(rows.length ? rows[0][0] : last, last - most + 1);
    const all = [];
    for (let at = first; at <= last; at++) all.push(of.get(at) || [at, 0, 0, 0]);
    return all;
  }

  function timeChart(time) {
    const perDay = document.querySelector('[name=per]:checked').value === 'day';
    const rows = perDay ? filled(time.days, time.last_day, 60) : filled(time.hours, time.last_hour, LATELY);
    const bars = (label, of, color) => ({
      type: 'bar', label, data: rows.map(of), backgroundColor: color, stack: 'votes', order: 2,
      categoryPercentage: 1, barPercentage: .8, maxBarThickness: 44, borderRadius: 2, pointStyle: 'rect',
    });
    const sets = [bars('票', row => row[1] - row[2], tone('spring'))];
    if (rows.some(row => row[2])) sets.push(bars('演示票', row => row[2], tone('edge-2')));
    if (perDay && rows.some(row => row[3])) {
      sets.push({
        type: 'line', label: '投票人', data: rows.map(row => row[3]), order: 1, borderColor: tone('ink'), borderWidth: 1.5,
        pointBackgroundColor: tone('stone'), pointBorderColor: tone('ink'), pointRadius: 3.5, tension: 0,
      });
    }
    const today = Math.floor((Console.now() + AHEAD * HOUR) / 24 / HOUR);
    const edge = i => perDay ? (rows[i][0] === today ? '今天' : ofDay(rows[i][0])) : hourOf(rows[i][0]) ? `${hourOf(rows[i][0])}时` : date(rows[i][0] * HOUR);
    const apart = rows.length <= 12 ? 2 : innerWidth < 700 && rows.length > 24 ? 12 : 6;
    const shownAt = i => perDay || hourOf(rows[i][0]) % apart === 0;
    return {
      type: 'bar',
      data: { labels: rows.map(row => row[0]), datasets: sets },
      options: {
        interaction: { mode: 'index', intersect: false },
        plugins: {
          legend: { display: sets.length > 1, align: 'end', labels: { boxWidth: 9, boxHeight: 9, padding: 12, usePointStyle: true } },
          tooltip: tooltip({ callbacks: {
            title: items => perDay ? ofDay(rows[items[0].dataIndex][0]) : `${ofHour(rows[items[0].dataIndex][0])}起一小时`,
            label: item => `${item.dataset.label} ${count(item.raw)}`,
          } }),
        },
        scales: {
          x: scale({ stacked: true, grid: { display: false }, ticks: {
            autoSkip: perDay, maxRotation: 0, callback: (_, i) => shownAt(i) ? edge(i) : null,
          } }),
          y: scale({ stacked: true, beginAtZero: true, suggestedMax: 4, ticks: { precision: 0, maxTicksLimit: 6, callback: value => count(value) } }),
        },
      },
    };
  }

  /** The wash over the winning places, their last line, and each entry's number at its end. */
  const winningLine = {
    id: 'winningLine',
    beforeDatasetsDraw(chart) {
      const race = chart.options.race;
      if (!race) return;
      const { ctx, chartArea: area, scales: { y } } = chart;
      const line = Math.min(area.bottom, Math.max(area.top, y.getPixelForValue(race.winners + .5)));
      ctx.save();
      ctx.fillStyle = tone('reed-wash');
      ctx.fillRect(area.left, area.top, area.right - area.left, line - area.top);
      if (line < area.bottom) {
        ctx.fillStyle = tone('reed');
        ctx.fillRect(area.left, line - 1, area.right - area.left, 2);
      }
      ctx.restore();
    },
    afterDatasetsDraw(chart) {
      const race = chart.options.race;
      if (!race) return;
      const { ctx, chartArea: area, scales: { y } } = chart;
      const ends = chart.data.datasets.map((set, i) => ({ set, point: chart.getDatasetMeta(i).data.at(-1) }))
        .filter(one => one.point && !one.point.skip).sort((a, b) => a.point.y - b.point.y);
      ctx.save();
      ctx.font = `600 12px ${window.Chart.defaults.font.family}`;
      const line = y.getPixelForValue(race.winners + .5);
      if (line < area.bottom) { // with a rim, because the lines run below it
        ctx.textBaseline = 'bottom';
        ctx.lineJoin = 'round';
        ctx.lineWidth = 4;
        ctx.strokeStyle = tone('reed-wash');
        ctx.fillStyle = tone('reed');
        ctx.strokeText(`第 ${race.winners} 名线`, area.left + 6, line - 3);
        ctx.fillText(`第 ${race.winners} 名线`, area.left + 6, line - 3);
      }
      ctx.textBaseline = 'middle';
      let lowest = -Infinity;
      for (const { set, point } of ends) { // those who share a place stand one under the other
        lowest = Math.max(point.y, lowest + 13);
        ctx.fillStyle = set.ink;
        ctx.fillText(set.label, area.right + 8, lowest);
      }
      ctx.restore();
    },
  };

  let lit = '';
  function raceChart(race) {
    if (race.hours.length === 1) { // a line needs two ends
      race = Object.assign({}, race, {
        hours: [race.hours[0], race.hours[0] + 1],
        runners: race.runners.map(one => Object.assign({}, one, { ranks: [one.ranks[0], one.ranks[0]] })),
      });
    }
    const lately = document.querySelector('[name=span]:checked').value;
    const last = race.hours.at(-1) || 0;
    const first = Math.max(race.hours[0] || 0, lately ? last - lately : 0);
    const now = race.runners.map(one => one.ranks.at(-1)).filter(Boolean);
    const inside = race.runners.filter(one => one.inside);
    const near = [inside.at(-1), race.runners.find(one => !one.inside)];
    const sets = race.runners.map(one => {
      const color = one.inside ? tone('spring') : tone('ink-2');
      const strong = lit ? one.label === lit : near.includes(one);
      return {
        label: one.label, title: one.title, ink: lit && !strong ? tone('ink-2') : color,
        data: race.hours.map((hour, i) => ({ x: hour, y: one.ranks[i] || NaN })).filter((point, i) => race.hours[i + 1] === undefined || race.hours[i + 1] >= first),
        borderColor: strong ? color : faint(color), backgroundColor: color, borderWidth: strong ? 3 : 1.75,
        borderDash: one.inside ? [] : [5, 4], pointRadius: 0, pointHoverRadius: 4, order: strong ? 1 : 2,
      };
    });
    const step = [1, 3, 6, 12, 24, 48, 96].find(hours => (last - first) / hours <= (innerWidth < 700 ? 5 : 9)) || 168;
    return {
      type: 'line',
      data: { datasets: sets },
      plugins: [winningLine],
      options: {
        race: { winners: race.winners },
        layout: { padding: { right: 36 } },
        interaction: { mode: 'index', axis: 'x', intersect: false },
        plugins: {
          legend: { display: false },
          tooltip: tooltip({ itemSort: (a, b) => a.raw.y - b.raw.y, callbacks: {
            title: items => items.length ? `${ofHour(items[0].raw.x)}末` : '',
            label: item => `第 ${item.raw.y} 名　${item.dataset.label} ${item.dataset.title}`.slice(0, 34),
          } }),
        },
        scales: {
          x: scale({ type: 'linear', min: first, max: Math.max(last, first + 1), grid: { display: false },
            afterBuildTicks: axis => {
              axis.ticks = [];
              for (let hour = Math.ceil(first); hour <= last; hour++) if ((hour + AHEAD) % step === 0) axis.ticks.push({ value: hour });
            },
            ticks: { maxRotation: 0, autoSkip: false, callback: hour => step >= 24 || hourOf(hour) === 0 ? date(hour * HOUR) : `${hourOf(hour)}时` } }),
          y: scale({ reverse: true, min: Math.min(...now, race.winners) - 1.5, max: Math.max(...now, race.winners) + 1.5,
            afterBuildTicks: axis => {
              axis.ticks = [];
              for (let rank = Math.max(1, Math.ceil(axis.min)); rank <= axis.max; rank++) axis.ticks.push({ value: rank });
            },
            ticks: { autoSkip: false, callback: rank => `${rank}名` } }),
        },
      },
    };
  }

  /** The row under the pointer or the focus, and its line. */
  function light(event) {
    const row = event.target.closest && event.target.closest('.places [data-label]');
    const label = row ? row.dataset.label : '';
    if (label === lit) return;
    lit = label;
    document.querySelectorAll('.places [data-label]').forEach(one => one.classList.toggle('lit', one.dataset.label === lit));
    if (seen && charts.race) paint('race', raceChart(seen.race));
  }

  $('over-time').addEventListener('change', event => { if (event.target.name === 'entry') ask(); else draw(); });
  $('over-time').querySelector('form').addEventListener('submit', event => event.preventDefault());
  $('race-panel').addEventListener('change', draw);
  ['pointerover', 'focusin', 'focusout'].forEach(name => $('race-panel').addEventListener(name, light));
  $('race-panel').addEventListener('pointerleave', light);
  dark.addEventListener('change', draw);
  still.addEventListener('change', draw);
})();

// Second half of the trade-off's js_on_load: what is shown, what the pointer or the keyboard is on, and the table.
const { base, words } = props;
const find = (selector) => element.querySelector(selector);
const root = find('.tradeoff');
const box = find('[data-plot=measured]');
const NEAR = 26; // pixels from which a point is hit
const WIDE = 820; // pixels from which sentences stand beside the picture
const choice = { found: null, told: null, protocol: base.protocols[0] };
let looked = null; // the point that is hovered or focused: {encoder, share, protocol}, or {native: encoder}

const css = (name) => getComputedStyle(element).getPropertyValue(name).trim();
const colour = (encoder) => css(`--encoder-${encoder}`);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const ink = () => ({
  text: css('--body-text-color'),
  quiet: css('--body-text-color-subdued'),
  grid: css('--border-color-primary'),
  paper: css('--block-background-fill'),
  front: css('--front'),
  mark: css('--star'),
});

const format = (measure, value) => (base.measures[measure].percent ? `${(100 * value).toFixed(1)}%` : value.toFixed(3));
const figure = (measure, [mean, low, high, n]) => ({
  what: base.measures[measure].title, mean: format(measure, mean), low: format(measure, low), high: format(measure, high), n,
});
const shown = () => (choice.protocol === 'both' ? base.protocols : [choice.protocol]);
const told = (point, protocol) => (point.told[protocol] || {})[choice.told];
const measured = (protocol) => base.points.filter((point) => point.found[choice.found] && told(point, protocol));
const drawn = (encoder, protocol) =>
  measured(protocol).filter((point) => point.encoder === encoder).sort((a, b) => a.share - b.share);

// Where the current setting lies: on a point, or between two of them.
function current() {
  const { value } = props;
  if (!value) return null;
  const protocol = value.protocol || base.protocols.at(-1);
  const along = drawn(value.encoder, protocol);
  if (!shown().includes(protocol) || !along.length) return null;
  const about = { encoder: value.encoder, share: value.share, protocol };
  const after = along.findIndex((point) => point.share >= value.share - 1e-6);
  if (after < 0) return null;
  const [b, a] = [along[after], along[after - 1]];
  if (Math.abs(b.share - value.share) < 1e-6) {
    return { ...about, share: b.share, x: b.found[choice.found].slice(0, 3), y: told(b, protocol).slice(0, 3) };
  }
  if (!a) return null;
  const part = (value.share - a.share) / (b.share - a.share);
  const between = (from, to) => [from[0] + part * (to[0] - from[0])];
  return {
    ...about,
    x: between(a.found[choice.found], b.found[choice.found]),
    y: between(told(a, protocol), told(b, protocol)),
    between: [a.share, b.share],
  };
}

function draw() {
  if (!box || !box.clientWidth) return;
  const width = box.clientWidth;
  const focused = box.contains(document.activeElement) && looked;
  const lines = shown().flatMap((protocol) =>
    Object.keys(base.encoders).map((encoder) => ({
      encoder,
      protocol,
      title: base.encoders[encoder],
      colour: colour(encoder),
      hollow: protocol === 'tuned',
      points: drawn(encoder, protocol).map((point) => ({
        share: point.share, x: point.found[choice.found].slice(0, 3), y: told(point, protocol).slice(0, 3),
      })),
    })).filter((line) => line.points.length));
  if (!lines.length) return box.replaceChildren();
  const view = base.views[`${choice.found} ${choice.told}`];
  const frontiers = shown().map((protocol) =>
    view.frontier[protocol].map((at) => [base.points[at].found[choice.found][0], told(base.points[at], protocol)[0]]));
  const natives = Object.keys(base.native).filter((encoder) => base.native[encoder][choice.found])
    .map((encoder) => ({ encoder, colour: colour(encoder), x: base.native[encoder][choice.found][0] }));
  const [x, y] = [base.measures[choice.found], base.measures[choice.told]];
  const svg = drawPlot({
    width, height: Math.round(Math.min(440, Math.max(224, width * 0.5))), x, y,
    lines, frontiers: frontiers.filter((front) => front.length), natives, mark: current(), ink: ink(),
  });
  svg.setAttribute('role', 'group');
  svg.setAttribute('aria-label', fill(words.picture, { x: x.title, y: y.title }));
  for (const group of svg.querySelectorAll('.point')) {
    group.setAttribute('role', 'button');
    group.setAttribute('tabindex', -1);
    group.setAttribute('aria-label', `${read(here(group)).join('. ')}. ${words.go}`);
  }
  box.replaceChildren(svg);
  root.toggleAttribute('data-marked', Boolean(current()));
  stop(looked).setAttribute('tabindex', 0);
  if (focused) (groupOf(focused) || stop(null)).focus({ preventScroll: true });
  else look(null);
}

const here = ({ dataset }) => ({ encoder: dataset.encoder, protocol: dataset.protocol, share: Number(dataset.share) });
const groupOf = (at) => at && at.encoder && box.querySelector(
  `.point[data-encoder="${at.encoder}"][data-protocol="${at.protocol}"][data-share="${at.share}"]`);

// The one point that the Tab key reaches: the last one looked at, else the current setting's, else the first.
const stop = (at) => groupOf(at) || groupOf(current()) || box.querySelector('.point');

// Lines of text about a point.
function read(at) {
  const value = (measure, given) => fill(given[3] === undefined ? words.bare : words.value, figure(measure, given));
  const among = base.gallery ? fill(words.found, { gallery: base.gallery }) : '';
  if (at.native) {
    return [`${base.encoders[at.native]} · ${words.native}`, value(choice.found, base.native[at.native][choice.found]) + among];
  }
  const title = (setting) => [base.encoders[at.encoder], setting, fill(words.protocol, at)].join(' · ');
  if (at.between) {
    const [before, after] = at.between;
    return [
      title(fill(words.blend, { t: Number(at.share.toFixed(2)) })),
      value(choice.found, at.x) + among,
      value(choice.told, at.y),
      fill(words.interpolated, { before, after }),
    ];
  }
  const point = drawn(at.encoder, at.protocol).find((each) => each.share === at.share);
  const lines = [
    title(point.setting),
    value(choice.found, point.found[choice.found]) + among,
    value(choice.told, told(point, at.protocol)),
  ];
  const end = base.ends.find((each) => each.encoder === at.encoder && each.share === at.share);
  const all = end && told(end, at.protocol);
  if (all && all[3] !== told(point, at.protocol)[3]) lines[2] += `; ${fill(words.all, figure(choice.told, all))}`;
  return lines;
}

// Shows what is read of a point, and on the plot where it is.
function look(at) {
  looked = at;
  const svg = box.querySelector('svg');
  if (!svg) return;
  svg.querySelector('.look')?.remove();
  const target = at && (at.native ? svg.querySelector(`[data-native="${at.native}"]`) : groupOf(at));
  const now = current();
  const subject = target ? at : now;
  const lines = subject ? read(subject) : ['', words.nothing];
  const title = document.createElement('strong');
  title.textContent = lines.shift();
  const same = (a, b) => ['encoder', 'protocol', 'share'].every((name) => a[name] === b[name]);
  if (now && same(subject, now)) title.textContent = `${words.current}: ${title.textContent}`;
  const texts = lines.map((text) => Object.assign(document.createElement('span'), { textContent: text }));
  find('.picture .reading').replaceChildren(title, ...texts);
  if (!target) return;
  const [x, y] = [target.dataset.x, target.dataset.y];
  const shade = node('g', { class: 'look', 'pointer-events': 'none' }, svg);
  node('circle', { cx: x, cy: y, r: 9, fill: 'none', stroke: css('--body-text-color'), 'stroke-width': 1.5 }, shade);
}

// The nearest point under the pointer; raw and projected ends win over the blends that crowd around them.
function under({ clientX, clientY }) {
  const frame = box.getBoundingClientRect();
  let best = null;
  for (const each of box.querySelectorAll('.point, [data-native]')) {
    const away = Math.hypot(each.dataset.x - (clientX - frame.left), each.dataset.y - (clientY - frame.top));
    const far = away - (['0', '1'].includes(each.dataset.share) ? 4 : 0);
    if (away < NEAR && (!best || far < best.far)) best = { far, each };
  }
  if (!best) return null;
  return best.each.dataset.native ? { native: best.each.dataset.native } : here(best.each);
}

const go = (at) => at && at.encoder && trigger('go', at);

// Left and right along a line, up and down to the same place on the next one.
function step(key) {
  const along = [...box.querySelectorAll('.point')];
  const from = document.activeElement;
  const line = (group) => `${group.dataset.protocol} ${group.dataset.encoder}`;
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    const next = along[along.indexOf(from) + (key === 'ArrowRight' ? 1 : -1)];
    return next && line(next) === line(from) ? next : null;
  }
  const lines = [...new Set(along.map(line))];
  const to = lines[lines.indexOf(line(from)) + (key === 'ArrowDown' ? 1 : -1)];
  const there = along.filter((group) => line(group) === to);
  const gap = (group) => Math.abs(group.dataset.share - from.dataset.share);
  return there.sort((a, b) => gap(a) - gap(b))[0];
}

function table() {
  const place = find('.numbers .scroll');
  const cell = (name, text, more = {}) => Object.assign(document.createElement(name), { textContent: text, ...more });
  const whole = document.createElement('table');
  const protocols = base.protocols.filter(() => choice.told);
  const columns = [base.columns.encoder, base.columns.setting, base.measures[choice.found].title,
    ...protocols.map((protocol) => `${base.measures[choice.told].title}, ${fill(words.protocol, { protocol })}`)];
  const line = (encoder, setting, values) => {
    const row = document.createElement('tr');
    row.append(cell('th', encoder, { scope: 'row' }), cell('td', setting));
    values.forEach(([measure, given]) => {
      const { mean, low, high } = given ? figure(measure, given) : {};
      row.append(cell('td', given ? `${mean} (${low} to ${high})` : '–'));
    });
    return row;
  };
  const values = (point) => [
    [choice.found, point.found[choice.found]], ...protocols.map((protocol) => [choice.told, told(point, protocol)])];
  const part = (title, rows) => {
    const body = whole.createTBody();
    body.insertRow().append(cell('th', title, { scope: 'rowgroup', colSpan: columns.length }));
    body.append(...rows);
  };
  whole.createTHead().insertRow().append(...columns.map((text) => cell('th', text, { scope: 'col' })));
  part(base.columns.all, Object.entries(base.encoders).flatMap(([encoder, title]) => [
    ...(base.native[encoder] ? [line(title, words.native, [[choice.found, base.native[encoder][choice.found]],
      ...protocols.map(() => [choice.told, null])])] : []),
    ...base.ends.filter((point) => point.encoder === encoder).map((point) => line(title, point.setting, values(point))),
  ]));
  if (base.columns.swept) {
    part(base.columns.swept, base.points.map((point) => line(base.encoders[point.encoder], point.setting, values(point))));
  }
  place.replaceChildren(whole);
}

function show() {
  const view = base.views[`${choice.found} ${choice.told || ''}`];
  const [headline, ...more] = view.said;
  find('.headline').textContent = headline;
  find('.said').replaceChildren(...more.map((text) => Object.assign(document.createElement('li'), { textContent: text })));
  const about = choice.told && base.measures[choice.told].about;
  find('.measure').textContent = about ? `${base.measures[choice.told].title}: ${about}.` : '';
  root.dataset.protocol = choice.protocol || '';
  table();
  draw();
}

function published() {
  const plot = find('[data-plot=paper]');
  if (!plot.clientWidth) return;
  const { rows, encoders, titles, found } = base.paper;
  const metric = find('[data-choice=paper]').value;
  const lines = Object.entries(encoders).filter(([encoder]) => rows[metric][encoder]).map(([encoder, title]) => ({
    encoder, title, colour: colour(encoder), hollow: true, dashed: true, protocol: '',
    points: [0, 1].map((share) => ({ share, x: [rows[found][encoder][share]], y: [rows[metric][encoder][share]] })),
  }));
  const svg = drawPlot({
    width: plot.clientWidth, height: 300, x: { title: titles[found], percent: true }, y: { title: titles[metric] },
    lines, frontiers: [], natives: [], mark: null, ink: { ...ink(), paper: css('--layer') },
  });
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', fill(words.picture, { x: titles[found], y: titles[metric] }));
  plot.replaceChildren(svg);
}

element.addEventListener('change', ({ target }) => {
  if (target.dataset.choice === 'paper') return published();
  if (target.dataset.choice) choice[target.dataset.choice] = target.value;
  if (target.name === 'tradeoff-protocol') choice.protocol = target.value;
  show();
});
find('.paper').addEventListener('toggle', published);
if (box) {
  box.addEventListener('pointermove', (event) => look(under(event)));
  box.addEventListener('pointerleave', () => look(null));
  box.addEventListener('click', (event) => go(event.detail ? under(event) : here(event.target.closest('.point'))));
  box.addEventListener('focusin', ({ target }) => {
    for (const each of box.querySelectorAll('.point')) each.setAttribute('tabindex', each === target ? 0 : -1);
    look(here(target));
  });
  box.addEventListener('focusout', () => look(null));
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') go(here(event.target));
    else if (!event.key.startsWith('Arrow')) return;
    else step(event.key)?.focus();
    event.preventDefault();
  });
}
new ResizeObserver(() => {
  root.toggleAttribute('data-wide', root.clientWidth >= WIDE);
  draw();
  published();
}).observe(root);
new MutationObserver(() => {
  draw();
  published();
}).observe(document.body, { attributes: true, attributeFilter: ['class'] });
// When the current setting goes to another protocol, so does the picture, unless it shows both.
let followed = null;
function follow() {
  const protocol = props.value && props.value.protocol;
  const gone = protocol !== followed && base.protocols.includes(protocol);
  followed = protocol;
  if (!gone || shown().includes(protocol)) return draw();
  choice.protocol = protocol;
  find(`[value="${protocol}"]`).checked = true;
  show();
}

watch('value', follow);
for (const name of ['found', 'told']) choice[name] = find(`[data-choice=${name}]`)?.value || '';
if (!choice.found) [choice.found] = Object.keys(base.views)[0].split(' ');
show();
follow();

// Body of js_on_load for the map. Plotly draws the points and handles pan, zoom and hit-testing; the star, its lines
// and the rings live in an SVG laid over it, so that moving the star never redraws the points.
const find = (name) => element.querySelector(name);
const [plot, over, tip, player, badge] = ['.map-plot', '.map-over', '.map-tip', '.map-player', '.off-map'].map(find);
const { points, categories, hues, media } = props.base;
const byId = new Map(points.map((point, index) => [point.id, index]));
const calm = window.matchMedia('(prefers-reduced-motion: reduce)');
const coarse = window.matchMedia('(pointer: coarse)');
const MOVE_MS = 600;
const MANY = 3000; // above this many points WebGL draws them
const NS = 'http://www.w3.org/2000/svg';

let ready = false;
let star = null; // where the star is drawn now, in map units
let ringed = null; // id of the clip that a card or the list points at
let hovered = null;

const css = (name) => getComputedStyle(element).getPropertyValue(name).trim();
const dark = () => document.body.classList.contains('dark');
const colour = (point) => `hsl(${hues[point.category]},${dark() ? '48%,62%' : '46%,46%'})`;

function layout() {
  const axis = { visible: false, fixedrange: coarse.matches };
  return {
    uirevision: 'kept',
    margin: { l: 4, r: 4, t: 4, b: 4 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    xaxis: { ...axis, range: span('x') },
    yaxis: { ...axis, range: span('y') },
    showlegend: false,
    hovermode: 'closest',
    dragmode: coarse.matches ? false : 'pan', // a finger on the map must still scroll the page
  };
}

function span(axis) {
  const values = points.map((point) => point[axis]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.06 * (high - low || 1);
  return [low - room, high + room];
}

function trace() {
  return {
    type: points.length > MANY ? 'scattergl' : 'scatter',
    mode: 'markers',
    x: points.map((point) => point.x),
    y: points.map((point) => point.y),
    hoverinfo: 'none',
    marker: { size: points.length > 600 ? 6 : 9, opacity: 0.8, color: points.map(colour), line: { width: 0 } },
  };
}

// Plotly keeps the axes of a drawn plot here; there is no public way from data to pixels.
function pixel(x, y) {
  const { xaxis, yaxis } = plot._fullLayout;
  return [xaxis.l2p(x) + xaxis._offset, yaxis.l2p(y) + yaxis._offset];
}

function add(name, attributes) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  over.append(node);
  return node;
}

function ring(id, kind) {
  if (!byId.has(id)) return;
  const point = points[byId.get(id)];
  const [cx, cy] = pixel(point.x, point.y);
  add('circle', { cx, cy, r: kind === 'hover' ? 10 : 7.5, class: `ring ${kind}` });
}

function overlay() {
  if (!ready) return;
  over.replaceChildren();
  const value = props.value;
  if (value && star) {
    const [sx, sy] = pixel(star.x, star.y);
    for (const id of value.clips) {
      if (!byId.has(id)) continue;
      const [x2, y2] = pixel(points[byId.get(id)].x, points[byId.get(id)].y);
      add('line', { x1: sx, y1: sy, x2, y2, class: 'tie' });
      ring(id, 'match');
    }
    const corners = [...Array(10).keys()].map((i) => {
      const angle = (Math.PI / 5) * i - Math.PI / 2;
      const radius = i % 2 ? 5.2 : 12;
      return `${sx + radius * Math.cos(angle)},${sy + radius * Math.sin(angle)}`;
    });
    add('polygon', { points: corners.join(' '), class: value.off ? 'star off' : 'star' });
  }
  if (ringed) ring(ringed, 'hover');
  if (hovered) ring(hovered, 'hover');
}

let moving = 0;
function moveStar() {
  const value = props.value;
  badge.hidden = !(value && value.off);
  badge.textContent = value && value.off ? props.words.off : '';
  cancelAnimationFrame(moving);
  if (!value) return overlay();
  const from = star;
  if (!from || calm.matches || !ready) {
    star = { x: value.x, y: value.y };
    return overlay();
  }
  const began = performance.now();
  const step = (now) => {
    const part = Math.min(1, Math.max(0, (now - began) / MOVE_MS));
    const eased = 1 - (1 - part) ** 3;
    star = { x: from.x + (value.x - from.x) * eased, y: from.y + (value.y - from.y) * eased };
    overlay();
    if (part < 1) moving = requestAnimationFrame(step);
  };
  moving = requestAnimationFrame(step);
}

function point(id) {
  hovered = id;
  document.dispatchEvent(new CustomEvent('soundclip:point', { detail: id }));
  overlay();
}

function showTip(index) {
  const clip = points[index];
  const [x, y] = pixel(clip.x, clip.y);
  tip.querySelector('img').src = media + clip.poster;
  tip.querySelector('strong').textContent = categories[clip.category];
  tip.querySelector('span').textContent = clip.caption;
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(4, Math.min(plot.clientWidth - width - 4, x - width / 2))}px`;
  tip.style.top = `${y - height - 16 > 0 ? y - height - 16 : y + 16}px`;
}

function open(index) {
  const clip = points[index];
  const video = player.querySelector('video');
  document.dispatchEvent(new CustomEvent('soundclip:hush', { detail: video }));
  video.src = media + clip.video;
  video.poster = media + clip.poster;
  player.querySelector('strong').textContent = categories[clip.category];
  player.querySelector('p span').textContent = clip.caption;
  showCredit(clip.id);
  player.hidden = false;
  tip.hidden = true;
  video.play().catch(() => {}); // the controls are there for a browser that wants a second press
  point(clip.id);
}

async function showCredit(id) {
  const [summary, text] = player.querySelectorAll('.licence summary, .licence span');
  summary.textContent = text.textContent = '';
  const [licence, attribution] = await server.credit(id);
  if (hovered !== id) return; // another clip was opened meanwhile
  summary.textContent = licence;
  text.textContent = attribution;
}

function close() {
  player.querySelector('video').pause();
  player.hidden = true;
  point(null);
}

function list() {
  const groups = categories.map((name) => ({ name, clips: [] }));
  points.forEach((clip, index) => groups[clip.category].clips.push(index));
  for (const { name, clips } of groups) {
    const item = document.createElement('li');
    item.append(`${name}: `);
    for (const index of clips) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = points[index].caption || points[index].id;
      button.addEventListener('click', () => open(index));
      button.addEventListener('focus', () => point(points[index].id));
      item.append(button, ' ');
    }
    find('.map-list ul').append(item);
  }
}

function zoom(factor) {
  const ranges = { 'xaxis.range': span('x'), 'yaxis.range': span('y') };
  if (factor) {
    for (const name of ['xaxis', 'yaxis']) {
      const [low, high] = plot._fullLayout[name].range;
      const [middle, half] = [(low + high) / 2, ((high - low) / 2) * factor];
      ranges[`${name}.range`] = [middle - half, middle + half];
    }
  }
  Plotly.relayout(plot, ranges);
}

async function start() {
  if (!window.Plotly) {
    await new Promise((done, failed) => {
      const script = document.createElement('script');
      script.src = props.script;
      script.onload = done;
      script.onerror = () => failed(new Error('The map library did not load.'));
      document.head.append(script);
    });
  }
  await Plotly.newPlot(plot, [trace()], layout(), { displayModeBar: false, scrollZoom: true, responsive: true });
  ready = true;
  plot.on('plotly_hover', ({ points: [first] }) => {
    point(points[first.pointIndex].id);
    showTip(first.pointIndex);
  });
  plot.on('plotly_unhover', () => {
    tip.hidden = true;
    point(null);
  });
  plot.on('plotly_click', ({ points: [first] }) => open(first.pointIndex));
  for (const name of ['plotly_afterplot', 'plotly_relayouting']) plot.on(name, overlay);
  moveStar();
}

// The wheel scrolls the page; with Ctrl, or a pinch on a trackpad, it zooms the map.
plot.addEventListener('wheel', (event) => event.ctrlKey || event.metaKey || event.stopPropagation(), { capture: true });
find('.map-tools').addEventListener('click', (event) => {
  const kind = event.target.dataset.zoom;
  if (kind && ready) zoom({ in: 0.65, out: 1 / 0.65, all: 0 }[kind]);
});
find('.map-close').addEventListener('click', close);
element.addEventListener('keydown', (event) => event.key === 'Escape' && !player.hidden && close());
document.addEventListener('soundclip:card', (event) => {
  ringed = event.detail;
  overlay();
});
document.addEventListener('soundclip:hush', (event) => {
  const video = player.querySelector('video');
  if (video !== event.detail) video.pause();
});
new MutationObserver(() => {
  if (ready) Plotly.restyle(plot, { 'marker.color': [points.map(colour)] });
}).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', moveStar);
list();
start();

// The scripts of the map are joined into one body of js_on_load, in the order that map.py names them; this one comes
// first and holds what the others share. The points, what is told of each, the tip and the player.
const find = (name) => element.querySelector(name);
const [plot, over, box, tip, player] = ['.map-plot', '.map-over', '.map-box', '.map-tip', '.map-player'].map(find);
// The base is parsed here: as an object it would come wrapped in a proxy, which is slow for twenty thousand points.
const base = JSON.parse(props.base);
const { ids, x: xs, y: ys, category: categoryOf, categories, hues } = base;
const byId = new Map(ids.map((id, index) => [id, index]));
const calm = window.matchMedia('(prefers-reduced-motion: reduce)');
const coarse = window.matchMedia('(pointer: coarse)');
const many = !base.about.length; // then WebGL draws the points, and what is told of each is asked for
const { tiles } = base; // where there are more clips than can be sent: see map_tiles.js
const NS = 'http://www.w3.org/2000/svg';
const [BRIGHT, DIM] = [0.8, 0.07]; // opacity of a point

let ready = false;
let kept = null; // numbers of the categories that the filter leaves bright; null leaves all
let ringed = null; // id of the clip that a card or a list points at
let hovered = null;
let drawn = false; // a frame is asked for
let level = 0; // of the tiles that are looked at
const levels = ids.map(() => 0); // from which on each point shows

const css = (name) => getComputedStyle(element).getPropertyValue(name).trim();
const dark = () => document.body.classList.contains('dark');
const fill = (template, words) => template.replace(/\{(\w+)\}/g, (_, name) => words[name]);
const shows = (index) => levels[index] <= level;
const bright = (index) => shows(index) && (!kept || kept.has(categoryOf[index]));
const tint = (hue, inDark) => `hsl(${hue},${inDark ? '48%,62%' : '46%,46%'})`;
const colours = () => {
  const tints = hues.map((hue) => tint(hue, dark()));
  return categoryOf.map((number) => tints[number]);
};
const opacity = (index) => (bright(index) ? BRIGHT : shows(index) ? DIM : 0);
const opacities = () => (kept || tiles ? [...ids.keys()].map(opacity) : BRIGHT);

// Plotly keeps the axes of a drawn plot here; there is no public way from data to pixels.
function pixel(x, y) {
  const { xaxis, yaxis } = plot._fullLayout;
  return [xaxis.l2p(x) + xaxis._offset, yaxis.l2p(y) + yaxis._offset];
}
const pixelOf = (index) => pixel(xs[index], ys[index]);

function shape(name, attributes = {}, text = '') {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  return node;
}

// All of the overlay, at most once a frame.
function overlay() {
  if (!ready || drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    const rings = [...drawStars(), ...drawFound()];
    for (const id of [ringed, hovered]) if (byId.has(id)) rings.push(ring(id, 'hover', 10));
    find('.map-over .rings').replaceChildren(...rings);
    drawNames();
  });
}

function ring(id, kind, r = 7.5) {
  const [cx, cy] = pixelOf(byId.get(id));
  return shape('circle', { cx, cy, r, class: `ring ${kind}` });
}

const asked = new Map(base.about.map((about, index) => [ids[index], Promise.resolve(about)]));
function about(id) {
  if (!asked.has(id)) asked.set(id, server.about(id));
  return asked.get(id);
}

const posterOf = (said) => said.thumbnail || base.media + said.poster;

function point(id) {
  hovered = id;
  document.dispatchEvent(new CustomEvent('soundclip:point', { detail: id }));
  overlay();
}

function tipAt([x, y], title, text) {
  tip.querySelector('img').hidden = true;
  tip.querySelector('strong').textContent = title;
  tip.querySelector('span').textContent = text;
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(4, Math.min(plot.clientWidth - width - 4, x - width / 2))}px`;
  tip.style.top = `${y - height - 16 > 0 ? y - height - 16 : y + 16}px`;
}

async function showTip(index) {
  tip.classList.add('of-clip'); // leaves room for the poster
  tipAt(pixelOf(index), categories[categoryOf[index]], '');
  const said = await about(ids[index]);
  if (hovered !== ids[index] || tip.hidden) return; // another clip is pointed at meanwhile
  tip.querySelector('span').textContent = said.caption;
  tip.querySelector('img').src = posterOf(said);
  tip.querySelector('img').hidden = false;
}

function showReading(at, title, text = '') {
  tip.classList.remove('of-clip');
  tipAt(at, title, text);
}

async function open(index) {
  const id = ids[index];
  tip.hidden = true;
  point(id);
  const said = await about(id);
  if (hovered !== id) return;
  const video = player.querySelector('video');
  document.dispatchEvent(new CustomEvent('soundclip:hush', { detail: video }));
  video.src = base.media + said.video;
  video.poster = posterOf(said);
  player.querySelector('strong').textContent = categories[categoryOf[index]];
  player.querySelector('p span').textContent = said.caption;
  player.hidden = false;
  video.play().catch(() => {}); // the controls are there for a browser that wants a second press
  player.dataset.clip = id;
}

function close() {
  player.querySelector('video').pause();
  player.hidden = true;
  point(null);
}

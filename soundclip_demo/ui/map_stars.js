// The sound: a star for each setting shown, the way between raw and projected, ties to the matches, and the trail of
// earlier settings. All of it lies in an SVG over the plot, so that moving a star never redraws the points.
const MOVE_MS = 600;
const TRAIL = 8; // earlier marks that stay
const ORDER = ['raw', 'blend', 'projected']; // later ones lie on top
const SIZES = { raw: 13, blend: 11, projected: 12 };

let told = null; // the value that is shown
let trail = []; // of {name, x, y, side}, the oldest first
let lit = null; // the side whose ties are pointed at
const at = new Map(); // side -> [x, y] where its star is drawn now, in map units
const nodes = new Map(); // side -> its <g>: it stays the same, for the pointer that is over it

const shown = () => (told ? told.stars : []);
const sideName = (star) => fill(props.words.sides[star.side] || star.side, { t: (star.t ?? 0).toFixed(2) });
const starName = (star, label) => `${label}, ${sideName(star)}`;

function polygon(radius) {
  const corners = [...Array(10).keys()].map((i) => {
    const angle = (Math.PI / 5) * i - Math.PI / 2;
    const r = i % 2 ? radius * 0.43 : radius;
    return `${(r * Math.cos(angle)).toFixed(2)},${(r * Math.sin(angle)).toFixed(2)}`;
  });
  return corners.join(' ');
}

function starNode(star) {
  if (nodes.has(star.side)) return nodes.get(star.side);
  const node = shape('g', { class: `star ${star.side}` });
  node.append(shape('circle', { class: 'away', r: 17 }), shape('polygon', { points: polygon(SIZES[star.side] || 12) }));
  node.addEventListener('pointerenter', () => {
    const now = shown().find((one) => one.side === star.side);
    light(star.side);
    showReading(pixel(...at.get(star.side)), starName(now, told.label), now.off ? off() : '');
  });
  node.addEventListener('pointerleave', () => {
    light(null);
    tip.hidden = true;
  });
  nodes.set(star.side, node);
  return node;
}

const off = () => `${props.words.off}: ${props.words.off_long}`;

function light(side) {
  lit = side;
  overlay();
}

function drawStars() {
  const paths = [];
  const rings = [];
  const there = shown().filter((star) => at.has(star.side));
  const end = at.has('projected') ? 'projected' : 'blend';
  if (at.has('raw') && at.has(end)) {
    const [[x1, y1], [x2, y2]] = ['raw', end].map((side) => pixel(...at.get(side)));
    paths.push(shape('line', { x1, y1, x2, y2, class: 'way' }));
  }
  for (const star of there) {
    const [x1, y1] = pixel(...at.get(star.side));
    const kind = `${star.side}${lit === star.side ? ' lit' : ''}`;
    for (const id of star.clips) {
      if (!byId.has(id)) continue;
      const [x2, y2] = pixelOf(byId.get(id));
      paths.push(shape('line', { x1, y1, x2, y2, class: `tie ${kind}` }));
      rings.push(ring(id, `match ${kind}`, star.side === 'raw' ? 9.5 : 7));
    }
    const node = starNode(star);
    node.setAttribute('transform', `translate(${x1} ${y1})`);
    node.setAttribute('class', `star ${kind}${star.off ? ' off' : ''}`);
  }
  find('.map-over .paths').replaceChildren(...paths);
  const wanted = there.map((star) => nodes.get(star.side));
  const group = find('.map-over .stars');
  for (const node of [...group.children]) if (!wanted.includes(node)) node.remove();
  for (const node of wanted) if (!node.isConnected) group.append(node);
  drawTrail();
  return rings;
}

function drawTrail() {
  const marks = trail.map((mark) => {
    const [x, y] = pixel(mark.x, mark.y);
    const size = mark.side === 'raw' ? 5.5 : 5;
    const node = shape('polygon', { points: polygon(size), class: `mark ${mark.side}`, transform: `translate(${x} ${y})` });
    node.addEventListener('pointerenter', () => showReading([x, y], mark.name));
    node.addEventListener('pointerleave', () => (tip.hidden = true));
    return node;
  });
  const group = find('.map-over .trail');
  // While the pointer is over a mark nothing moves: a new node under it would end its reading.
  if (group.matches(':hover') && group.children.length === marks.length) return;
  group.replaceChildren(...marks);
}

function follow(value) {
  if (!value || !told || value.sound !== told.sound) trail = [];
  else {
    const left = told.stars.map((star) => ({ name: starName(star, told.label), x: star.x, y: star.y, side: star.side }));
    const now = new Set(value.stars.map((star) => starName(star, value.label)));
    const names = new Set(left.map((mark) => mark.name));
    trail = [...trail.filter((mark) => !names.has(mark.name)), ...left].filter((mark) => !now.has(mark.name));
    trail = trail.slice(-TRAIL);
  }
  told = value && { ...value, stars: [...value.stars].sort((a, b) => ORDER.indexOf(a.side) - ORDER.indexOf(b.side)) };
}

let moving = 0;
function moveStars() {
  // A copy: Gradio changes the very object that it gave, and the trail needs what was there before.
  follow(props.value ? JSON.parse(JSON.stringify(props.value)) : null);
  cancelAnimationFrame(moving);
  lit = null;
  for (const side of [...at.keys()]) if (!shown().some((star) => star.side === side)) at.delete(side);
  locate(shown().flatMap((star) => star.clips)).then(overlay, () => {}); // without an answer a tie is missing
  const moves = shown().map((star) => ({ side: star.side, to: [star.x, star.y], from: at.get(star.side) || [star.x, star.y] }));
  const put = (part) => {
    for (const { side, to, from } of moves) at.set(side, to.map((end, axis) => from[axis] + (end - from[axis]) * part));
    overlay();
  };
  showLegend();
  if (calm.matches || !ready) return put(1);
  const began = performance.now();
  const step = (now) => {
    const part = Math.min(1, Math.max(0, (now - began) / MOVE_MS));
    put(1 - (1 - part) ** 3);
    if (part < 1) moving = requestAnimationFrame(step);
  };
  moving = requestAnimationFrame(step);
}

function showLegend() {
  find('.map-of').textContent = told ? told.label : '';
  const chips = shown().map((star) => {
    const chip = document.createElement('button');
    chip.type = 'button';
    chip.className = `map-side ${star.side}`;
    const mark = shape('svg', { viewBox: '-14 -14 28 28', 'aria-hidden': 'true' });
    mark.append(shape('polygon', { points: polygon(SIZES[star.side] || 12) }));
    chip.append(mark, sideName(star));
    if (star.off) {
      const badge = document.createElement('span');
      badge.className = 'off-map';
      badge.textContent = props.words.off;
      badge.title = off();
      chip.append(' ', badge);
    }
    for (const type of ['pointerenter', 'focus']) chip.addEventListener(type, () => light(star.side));
    for (const type of ['pointerleave', 'blur']) chip.addEventListener(type, () => light(null));
    return chip;
  });
  find('.map-sides').replaceChildren(...chips);
  const cut = find('.map-trail');
  cut.hidden = !trail.length;
  cut.textContent = `${fill(props.words.trail, { count: trail.length })} ×`;
  cut.setAttribute('aria-label', fill(props.words.trail_clear, { settings: trail.map((mark) => mark.name).join('; ') }));
  cut.title = cut.getAttribute('aria-label');
  const said = shown().map((star) => `${starName(star, told.label)}${star.off ? `: ${off()}` : ''}.`);
  find('.map-live').textContent = said.join(' ');
}

find('.map-trail').addEventListener('click', () => {
  trail = [];
  showLegend();
  overlay();
  box.focus(); // the button is gone
});

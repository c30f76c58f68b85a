// Category names on the map. The order is fixed (map.py: the largest category first, then the loneliest) and each name
// is written where none before it needs the room, so that the same view always shows the same names; zooming in makes
// room for more. A panned map keeps its names: what lies a little outside of it is reckoned with.
const LINE = 14; // height of a name, in pixels
const [ABOVE, BELOW] = [-8, 5 + LINE]; // from its clip to the foot of a name, where it is written first and where else
const [GAP_X, GAP_Y] = [14, 7]; // room around a name: a few calm names say more than a wall of them
const BESIDE = 160; // how far outside the view names still take room

const written = new Map(); // category -> its <text>
const lengths = new Map();
const pen = document.createElement('canvas').getContext('2d');

function lengthOf(number) {
  if (!lengths.has(number)) {
    pen.font = `500 12px ${css('--font') || 'sans-serif'}`;
    lengths.set(number, pen.measureText(categories[number]).width);
  }
  return lengths.get(number);
}

const overlap = (a, b) => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
const around = ([x, y], room) => ({ x0: x - room, x1: x + room, y0: y - room, y1: y + room });

function placeNames(width, height) {
  const taken = [...at.values()].map((place) => around(pixel(...place), 20));
  if (hunted) taken.push(around(pixel(hunted.x, hunted.y), 24));
  const places = [];
  for (const number of base.order) {
    if (kept && !kept.has(number)) continue;
    const [x, y] = pixelOf(base.centres[number]);
    if (x < -BESIDE || x > width + BESIDE || y < -BESIDE || y > height + BESIDE) continue;
    const half = lengthOf(number) / 2;
    for (const foot of [y + ABOVE, y + BELOW]) {
      const name = { x0: x - half - GAP_X, x1: x + half + GAP_X, y0: foot - LINE - GAP_Y, y1: foot + GAP_Y };
      if (taken.some((other) => overlap(name, other))) continue;
      taken.push(name);
      const inside = x - half > 2 && x + half < width - 2 && foot - LINE > 2 && foot < height - 4;
      if (inside) places.push({ number, x, y: foot });
      break;
    }
  }
  return places;
}

function drawNames() {
  const [width, height] = [plot.clientWidth, plot.clientHeight - covered()];
  const group = find('.map-over .names');
  const places = placeNames(width, height);
  const now = new Set(places.map(({ number }) => number));
  for (const [number, node] of written) {
    if (now.has(number)) continue;
    node.remove();
    written.delete(number);
  }
  for (const { number, x, y } of places) {
    if (!written.has(number)) {
      written.set(number, shape('text', { class: 'name' }, categories[number]));
      group.append(written.get(number));
    }
    written.get(number).setAttribute('x', x.toFixed(1));
    written.get(number).setAttribute('y', y.toFixed(1));
  }
}

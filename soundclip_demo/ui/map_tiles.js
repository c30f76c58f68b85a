// Too many clips to send them all come in tiles (tiles.py): at first some that stand for all, over a picture of how
// densely all of them lie; then those of the tiles that are looked at. A point that was told of stays, and shows from
// the level of its tile on, so that a map that is zoomed out again looks as it did.
const PAUSE_MS = 150; // the view has come to rest
const HEAT = 0.45; // opacity where clips lie densest

const fetched = new Set(['0/0/0']); // tiles that were told of, or are asked for
const complete = new Set(); // tiles all of whose clips are here
let pause = 0;

const keyOf = (place) => place.join('/');
const within = (value, low, high) => Math.max(low, Math.min(high, value));

function redraw() {
  if (!ready) return;
  const points = { x: [[...xs]], y: [[...ys]], 'marker.color': [colours()], 'marker.opacity': [opacities()] };
  Plotly.restyle(plot, points, [0]);
}

function meet(told, from) {
  told.ids.forEach((id, i) => {
    if (byId.has(id)) {
      levels[byId.get(id)] = Math.min(levels[byId.get(id)], from);
      return;
    }
    byId.set(id, ids.length);
    ids.push(id);
    xs.push(told.x[i]);
    ys.push(told.y[i]);
    categoryOf.push(told.category[i]);
    levels.push(from);
  });
  redraw();
}

// Clips that are named elsewhere, by their ids, get their points.
async function locate(names) {
  const missing = names.filter((id) => !byId.has(id));
  if (tiles && missing.length) meet(await server.located(missing), 0);
}

// Nothing more is to be told of a tile that was asked for, or lies in a complete one.
function known([of, column, row]) {
  for (let up = 0; up <= of; up++) if (complete.has(keyOf([of - up, column >> up, row >> up]))) return true;
  return fetched.has(keyOf([of, column, row]));
}

async function ask(place) {
  fetched.add(keyOf(place));
  try {
    const told = await server.tile(place);
    if (told.all) complete.add(keyOf(place));
    meet(told, place[0]);
  } catch {
    fetched.delete(keyOf(place)); // the next move asks again
  }
}

// Columns, or rows, of the tiles that a range of an axis touches.
function touched([low, high], from) {
  const [first, last] = [low, high].map((at) => within(Math.floor(((at - from) / tiles.side) * 2 ** level), 0, 2 ** level - 1));
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

// At most two tiles each way fill the view.
function look() {
  const ranges = [plot._fullLayout.xaxis.range, plot._fullLayout.yaxis.range];
  const widest = Math.max(...ranges.map(([low, high]) => high - low));
  const before = level;
  level = within(Math.floor(Math.log2(tiles.side / widest)), 0, tiles.deepest);
  if (level !== before) redraw();
  const [columns, rows] = ranges.map((range, axis) => touched(range, tiles.corner[axis]));
  const places = columns.flatMap((column) => rows.map((row) => [level, column, row]));
  for (const place of places) if (!known(place)) ask(place);
}

function lookSoon() {
  if (!tiles) return;
  clearTimeout(pause);
  pause = setTimeout(look, PAUSE_MS);
}

function shades() {
  const ink = dark() ? '231,229,228' : '68,64,60';
  return [[0, `rgba(${ink},0)`], [1, `rgba(${ink},${HEAT})`]];
}

// How densely all clips lie, as a trace under the points.
function heat() {
  if (!tiles) return [];
  const bytes = Uint8Array.from(atob(tiles.density), (sign) => sign.charCodeAt(0));
  const step = tiles.side / tiles.cells;
  const [x0, y0] = tiles.corner.map((low) => low + step / 2);
  const z = Array.from({ length: tiles.cells }, (_, row) => [...bytes.subarray(row * tiles.cells, (row + 1) * tiles.cells)]);
  const looks = { colorscale: shades(), zmin: 0, zmax: 255, zsmooth: 'fast', showscale: false, hoverinfo: 'skip' };
  return [{ type: 'heatmap', z, x0, dx: step, y0, dy: step, ...looks }];
}

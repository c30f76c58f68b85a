// Body of js_on_load for what the model looks at: one frame under several tokens, each with a heat map of cosines and
// the outline of the k nearest patches. The order of all patches is here, so that moving k asks the server nothing.
const find = (name) => element.querySelector(name);
const [figures, k, marks, veil, legend] = ['.look-frames', '.look-k', '.look-marks', '.look-veil', '.look-legend'].map(find);
const NS = 'http://www.w3.org/2000/svg';
// viridis at nine even steps: even to the eye, and to one that tells few colours apart
const COLOURS = ['#440154', '#472d7b', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#fde725'];
const RGB = COLOURS.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const words = props.words;

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const shown = (cosine) => cosine.toFixed(2).replace('-', '−');

function colour(share) {
  const at = Math.min(1, Math.max(0, share)) * (RGB.length - 1);
  const low = Math.min(RGB.length - 2, Math.floor(at));
  return RGB[low].map((value, i) => value + (RGB[low + 1][i] - value) * (at - low));
}

// One scale for all tokens: a token that lies near no patch is to look so.
function range(columns) {
  const all = columns.flatMap((column) => column.cosines);
  return [Math.min(...all), Math.max(...all)];
}

function heat(canvas, cosines, [rows, cells], [low, high]) {
  [canvas.width, canvas.height] = [cells, rows];
  const context = canvas.getContext('2d');
  const image = context.createImageData(cells, rows);
  cosines.forEach((cosine, i) => image.data.set([...colour((cosine - low) / (high - low || 1)), 255], 4 * i));
  context.putImageData(image, 0, 0);
}

// The edges between a kept patch and one that is not, as one path in units of patches.
function outline(kept, [rows, cells]) {
  const at = (row, cell) => row >= 0 && cell >= 0 && row < rows && cell < cells && kept.has(row * cells + cell);
  const path = [];
  for (let row = 0; row < rows; row += 1) {
    for (let cell = 0; cell < cells; cell += 1) {
      if (!at(row, cell)) continue;
      if (!at(row - 1, cell)) path.push(`M${cell} ${row}h1`);
      if (!at(row + 1, cell)) path.push(`M${cell} ${row + 1}h1`);
      if (!at(row, cell - 1)) path.push(`M${cell} ${row}v1`);
      if (!at(row, cell + 1)) path.push(`M${cell + 1} ${row}v1`);
    }
  }
  return path.join('');
}

// Where most of some patches lie: the fewest ninths of the frame, two at most, that hold half of them.
function where(patches, [rows, cells]) {
  const counts = new Array(9).fill(0);
  for (const patch of patches) {
    const [row, cell] = [Math.floor(patch / cells), patch % cells];
    counts[3 * Math.floor(((row + 0.5) * 3) / rows) + Math.floor(((cell + 0.5) * 3) / cells)] += 1;
  }
  const ninths = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  if (counts[ninths[0]] * 2 >= patches.length) return words.places[ninths[0]];
  if ((counts[ninths[0]] + counts[ninths[1]]) * 2 >= patches.length) {
    return fill(words.both, { one: words.places[ninths[0]], other: words.places[ninths[1]] });
  }
  return words.spread;
}

function reading(column, grid, count) {
  const nearest = column.cosines[column.order[0]];
  const mean = column.cosines.reduce((sum, cosine) => sum + cosine, 0) / column.cosines.length;
  const values = { k: count, nearest: shown(nearest), mean: shown(mean) };
  const place = where(column.order.slice(0, count || 1), grid);
  return fill(count ? (count === column.order.length ? words.all : words.kept) : words.none, { ...values, place });
}

function keep() {
  const now = props.value;
  const count = Number(k.value);
  find('.look-count').textContent = count ? fill(words.count, { k: count, of: k.max }) : words.only;
  for (const mark of marks.children) mark.setAttribute('aria-pressed', String(Number(mark.dataset.k) === count));
  if (!now) return;
  now.columns.forEach((column, i) => {
    const figure = figures.children[i];
    const path = outline(new Set(column.order.slice(0, count)), now.grid);
    for (const line of figure.querySelectorAll('path')) line.setAttribute('d', path);
    const said = reading(column, now.grid, count);
    figure.querySelector('.look-said').textContent = said;
    figure.querySelector('.look-frame').setAttribute('aria-label', `${now.of}. ${column.title}: ${said}`);
  });
  const said = now.columns.map((column, i) => `${column.title}: ${figures.children[i].querySelector('.look-said').textContent}`);
  k.setAttribute('aria-valuetext', [find('.look-count').textContent, ...said].join('. '));
}

function frame(column, now, scale) {
  const figure = document.createElement('figure');
  const caption = document.createElement('figcaption');
  caption.textContent = column.title;
  const box = document.createElement('div');
  box.className = 'look-frame';
  box.setAttribute('role', 'img');
  const image = new Image();
  image.src = now.view;
  image.alt = '';
  const canvas = document.createElement('canvas');
  heat(canvas, column.cosines, now.grid, scale);
  const svg = document.createElementNS(NS, 'svg');
  svg.setAttribute('viewBox', `0 0 ${now.grid[1]} ${now.grid[0]}`);
  svg.setAttribute('aria-hidden', 'true'); // the frame says what it shows
  for (const kind of ['under', 'over']) {
    const path = document.createElementNS(NS, 'path');
    path.setAttribute('class', kind);
    svg.append(path);
  }
  box.append(image, canvas, svg);
  const said = document.createElement('p');
  said.className = 'look-said';
  figure.append(caption, box, said);
  return figure;
}

function draw() {
  const now = props.value;
  find('.look').classList.toggle('empty', !now);
  find('.look-of').textContent = now ? now.of : words.empty;
  k.disabled = !now;
  for (const mark of marks.children) mark.disabled = !now;
  if (now) {
    k.value = now.k;
    const scale = range(now.columns);
    figures.replaceChildren(...now.columns.map((column) => frame(column, now, scale)));
    [legend.firstElementChild.textContent, legend.lastElementChild.textContent] = scale.map(shown);
  }
  keep();
}

function release() {
  trigger('keep', { k: Number(k.value) });
}

for (const [value, label] of props.marks) {
  const mark = document.createElement('button');
  mark.type = 'button';
  mark.dataset.k = value;
  mark.textContent = label;
  mark.addEventListener('click', () => {
    if (Number(k.value) === value) return;
    k.value = value;
    keep();
    release();
  });
  marks.append(mark);
}
k.max = props.patches;
k.value = 0;
legend.querySelector('i').style.background = `linear-gradient(90deg, ${COLOURS.join(', ')})`;
k.addEventListener('input', keep);
k.addEventListener('change', release);
veil.addEventListener('input', () => element.style.setProperty('--veil', veil.value));
element.style.setProperty('--veil', veil.value);
watch('value', draw);
draw();

// First half of the trade-off's js_on_load: one function that draws a plot as an SVG element of its own. Nothing outside
// styles it, so it can be saved as it stands; every point knows in `data-x` and `data-y` where it was drawn.
const NS = 'http://www.w3.org/2000/svg';
const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
const pen = document.createElement('canvas').getContext('2d');

function node(name, attributes, parent) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

// A range with some room around the values, from 0 where they come near it, and round numbers within.
function axis(values, steps, percent) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const fromZero = least >= 0 && least < 0.4 * most;
  const room = 0.04 * (most - (fromZero ? 0 : least) || Math.abs(most) || 1);
  const [low, high] = [fromZero ? 0 : least - room, most + room];
  const rough = (high - low) / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first;
  const unit = percent ? 100 : 1;
  const digits = [0, 1, 2, 3, 4].find((each) => Math.abs((step * unit * 10 ** each) % 1) < 1e-6) ?? 4;
  const ticks = Array.from({ length: count + 1 }, (_, i) => (first + i) * step);
  return { low, high, ticks: ticks.map((value) => [value, (value * unit).toFixed(digits) + (percent ? '%' : '')]) };
}

// A label goes to the place beside its mark that is free and hides the fewest dots; of two alike, to the nearer one:
// right, left, above, below, then ever further up and down.
function place(labels, taken, dots, bounds) {
  const height = 15;
  for (const label of labels) {
    const { x, y, width } = label;
    const [right, left] = [x + 10, x - 10 - width];
    const near = [[right, y - height / 2], [left, y - height / 2], [x - width / 2, y - 10 - height], [x - width / 2, y + 10]];
    const far = Array.from({ length: 24 }, (_, i) => {
      const down = (i % 4 < 2 ? 1 : -1) * (Math.floor(i / 4) + 1) * height;
      return [i % 2 ? left - 6 : right + 6, y - height / 2 + down];
    });
    const boxes = [...near, ...far].map(([at, top], order) => ({
      left: at, right: at + width, top, bottom: top + height, order, far: order >= near.length,
    }));
    const meets = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
    const within = (a) => a.left >= bounds.left && a.right <= bounds.right && a.top >= bounds.top && a.bottom <= bounds.bottom;
    const cost = (a) => a.order + 3 * dots.filter((dot) => meets(a, dot)).length;
    const [best] = boxes.filter((a) => within(a) && !taken.some((b) => meets(a, b))).sort((a, b) => cost(a) - cost(b));
    if (!best) continue; // the reading names the encoder, too
    taken.push(best);
    label.box = best;
  }
  return labels.filter((label) => label.box);
}

// x, y: {title, percent}; lines: {title, colour, hollow, dashed, points}, each point {share, x, y} with [mean, low, high] or
// [mean]; frontiers: lists of [x, y]; natives: {x, colour}; mark: {x, y} with [mean, low, high] or [mean], or null.
function drawPlot({ width, height, x, y, lines, frontiers, natives, mark, ink }) {
  const svg = document.createElementNS(NS, 'svg');
  const about = { width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': FONT, 'font-size': 12, fill: ink.text };
  for (const [key, value] of Object.entries(about)) svg.setAttribute(key, value);
  const points = lines.flatMap((line) => line.points);
  const isEnd = (point) => point.share === 0 || point.share === 1;
  const spread = (side) => [...points.flatMap((each) => (isEnd(each) ? each[side] : [each[side][0]])), ...(mark ? mark[side] : [])];
  const across = axis([...spread('x'), ...natives.map((each) => each.x)], width < 480 ? 4 : 6, x.percent);
  const up = axis(spread('y'), height < 360 ? 5 : 6, y.percent);
  pen.font = `12px ${FONT}`;
  const [longest] = up.ticks.map(([, text]) => pen.measureText(text).width).sort((a, b) => b - a);
  const box = { left: Math.ceil(longest) + 16, right: width - 14, top: 26, bottom: height - 48 };
  const px = (value) => box.left + ((value - across.low) / (across.high - across.low)) * (box.right - box.left);
  const py = (value) => box.bottom - ((value - up.low) / (up.high - up.low)) * (box.bottom - box.top);

  const write = (text, at, level, more = {}) => {
    node('text', { x: at, y: level, 'dominant-baseline': 'central', ...more }, svg).textContent = text;
  };
  for (const [tick, text] of up.ticks) {
    node('line', { x1: box.left, x2: box.right, y1: py(tick), y2: py(tick), stroke: ink.grid }, svg);
    write(text, box.left - 8, py(tick), { 'text-anchor': 'end', fill: ink.quiet });
  }
  for (const [tick, text] of across.ticks) {
    const level = box.bottom;
    node('line', { x1: px(tick), x2: px(tick), y1: level, y2: level + 4, stroke: ink.quiet }, svg);
    write(text, px(tick), level + 17, { 'text-anchor': 'middle', fill: ink.quiet });
  }
  node('line', { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, stroke: ink.quiet }, svg);
  write(`${x.title} →`, box.right, height - 10, { 'text-anchor': 'end' });
  write(`↑ ${y.title}`, 2, 10);

  for (const front of frontiers) {
    const [[a, b], ...more] = front.map(([one, other]) => [px(one), py(other)]);
    const band = { fill: 'none', stroke: ink.front, 'stroke-width': 11, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' };
    if (more.length) node('polyline', { points: [[a, b], ...more].join(' '), ...band }, svg);
    else node('circle', { cx: a, cy: b, r: 11, fill: ink.front }, svg);
  }
  for (const native of natives) {
    const at = px(native.x);
    const corners = `${at},${box.bottom - 1} ${at - 4.5},${box.bottom - 10} ${at + 4.5},${box.bottom - 10}`;
    node('polygon', { points: corners, fill: native.colour, stroke: ink.paper, 'data-native': native.encoder, 'data-x': at, 'data-y': box.bottom - 5 }, svg);
  }
  const cross = (each, colour, opacity) => {
    const [a, b] = [px(each.x[0]), py(each.y[0])];
    const thin = { stroke: colour, 'stroke-width': 1, 'stroke-opacity': opacity };
    if (each.x.length > 1) node('line', { x1: px(each.x[1]), x2: px(each.x[2]), y1: b, y2: b, ...thin }, svg);
    if (each.y.length > 1) node('line', { x1: a, x2: a, y1: py(each.y[1]), y2: py(each.y[2]), ...thin }, svg);
  };
  for (const { points: along, colour, hollow, dashed } of lines) {
    const route = along.map((each) => `${px(each.x[0])},${py(each.y[0])}`).join(' ');
    node('polyline', { points: route, fill: 'none', stroke: colour, 'stroke-width': hollow ? 1.25 : 1.75, 'stroke-linejoin': 'round', 'stroke-dasharray': dashed ? '5 3' : 'none' }, svg);
    for (const each of along.filter(isEnd)) cross(each, colour, 0.5);
  }
  if (mark) cross(mark, ink.mark, 1);
  const [labels, taken, dots] = [[], [], []];
  for (const line of lines) {
    for (const point of line.points) {
      const [cx, cy] = [px(point.x[0]), py(point.y[0])];
      const { encoder, protocol, colour } = line;
      const group = node('g', { class: 'point', 'data-encoder': encoder, 'data-protocol': protocol, 'data-share': point.share, 'data-x': cx, 'data-y': cy }, svg);
      const look = { fill: line.hollow ? ink.paper : colour, stroke: line.hollow ? colour : ink.paper, 'stroke-width': line.hollow ? 1.75 : 1 };
      if (point.share === 0) node('rect', { x: cx - 4.5, y: cy - 4.5, width: 9, height: 9, ...look }, group);
      else node('circle', { cx, cy, r: point.share === 1 ? 6 : 2.75, ...look, ...(point.share === 1 ? {} : { 'stroke-width': 1 }) }, group);
      (isEnd(point) ? taken : dots).push({ left: cx - 7, right: cx + 7, top: cy - 7, bottom: cy + 7 });
      if (point.share === 1) labels.push({ text: line.title, colour, x: cx, y: cy });
    }
  }
  if (mark) {
    const [cx, cy] = [px(mark.x[0]), py(mark.y[0])];
    node('circle', { cx, cy, r: 10.5, fill: 'none', stroke: ink.paper, 'stroke-width': 5 }, svg);
    node('circle', { cx, cy, r: 10.5, fill: 'none', stroke: ink.mark, 'stroke-width': 2.5, class: 'current' }, svg);
  }
  pen.font = `600 12px ${FONT}`;
  for (const label of labels) label.width = pen.measureText(label.text).width + 2;
  labels.sort((a, b) => a.y - b.y || a.x - b.x);
  const bounds = { left: box.left, right: width, top: 18, bottom: box.bottom - 12 };
  const first = labels.filter((label, i) => labels.findIndex((each) => each.text === label.text) === i);
  for (const { text, colour, x: from, y: level, box: to } of place(first, taken, dots, bounds)) {
    const middle = (to.top + to.bottom) / 2;
    const side = to.left > from ? to.left - 2 : to.right + 2;
    if (to.far) node('line', { x1: from, y1: level, x2: side, y2: middle, stroke: colour, 'stroke-width': 0.75 }, svg);
    const halo = { stroke: ink.paper, 'stroke-width': 3, 'stroke-linejoin': 'round', 'paint-order': 'stroke' };
    write(text, to.left, middle, { fill: colour, 'font-weight': 600, class: 'name', ...halo });
  }
  return svg;
}

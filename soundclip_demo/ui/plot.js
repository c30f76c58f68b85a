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

// Round numbers from below the lowest value to above the highest; from 0 where the values come near it.
function axis(values, steps) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const from = low >= 0 && low < 0.4 * high ? 0 : low;
  const rough = (high - from || Math.abs(high) || 1) / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
  const [first, last] = [Math.floor(from / step + 1e-9), Math.ceil(high / step - 1e-9)];
  const count = Math.max(1, last - first);
  const ticks = Array.from({ length: count + 1 }, (_, i) => (first + i) * step);
  return { ticks, low: ticks[0], high: ticks[count], step };
}

// A label goes to the first place beside its mark that is free: right, left, above, below, then ever further up and down.
function place(labels, taken, bounds) {
  const height = 15;
  for (const label of labels) {
    const { x, y, width } = label;
    const right = [x + 10, y - height / 2];
    const left = [x - 10 - width, y - height / 2];
    const near = [right, left, [x - width / 2, y - 10 - height], [x - width / 2, y + 10]];
    const far = Array.from({ length: 24 }, (_, i) => {
      const down = (i % 4 < 2 ? 1 : -1) * (Math.floor(i / 4) + 1) * height;
      const [at, level] = i % 2 ? left : right;
      return [at + (i % 2 ? -6 : 6), level + down];
    });
    const free = ([at, top]) =>
      at >= bounds.left && at + width <= bounds.right && top >= bounds.top && top + height <= bounds.bottom &&
      !taken.some((box) => at < box.right && at + width > box.left && top < box.bottom && top + height > box.top);
    const found = [...near, ...far].findIndex(free);
    if (found < 0) continue; // the reading names the encoder, too
    const [at, top] = [...near, ...far][found];
    taken.push({ left: at, right: at + width, top, bottom: top + height });
    Object.assign(label, { at, level: top + height / 2, far: found >= near.length });
  }
  return labels.filter((label) => 'at' in label);
}

// x, y: {title, format}; lines: {title, colour, hollow, points}, each point {share, x, y} with [mean, low, high] or
// [mean]; frontiers: lists of [x, y]; natives: {x, colour}; mark: {x, y} with [mean, low, high] or [mean], or null.
function drawPlot({ width, height, x, y, lines, frontiers, natives, mark, ink }) {
  const svg = document.createElementNS(NS, 'svg');
  const about = { width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': FONT, 'font-size': 12, fill: ink.text };
  for (const [key, value] of Object.entries(about)) svg.setAttribute(key, value);
  const points = lines.flatMap((line) => line.points);
  const isEnd = (point) => point.share === 0 || point.share === 1;
  const spread = (side) => [...points.flatMap((each) => (isEnd(each) ? each[side] : [each[side][0]])), ...(mark ? mark[side] : [])];
  const across = axis([...spread('x'), ...natives.map((each) => each.x)], width < 480 ? 4 : 6);
  const up = axis(spread('y'), height < 360 ? 4 : 5);
  pen.font = `12px ${FONT}`;
  const [longest] = up.ticks.map((tick) => pen.measureText(y.format(tick, up.step)).width).sort((a, b) => b - a);
  const box = { left: Math.ceil(longest) + 16, right: width - 14, top: 26, bottom: height - 48 };
  const px = (value) => box.left + ((value - across.low) / (across.high - across.low)) * (box.right - box.left);
  const py = (value) => box.bottom - ((value - up.low) / (up.high - up.low)) * (box.bottom - box.top);

  const write = (text, at, level, more = {}) => {
    node('text', { x: at, y: level, 'dominant-baseline': 'central', ...more }, svg).textContent = text;
  };
  for (const tick of up.ticks) {
    node('line', { x1: box.left, x2: box.right, y1: py(tick), y2: py(tick), stroke: ink.grid }, svg);
    write(y.format(tick, up.step), box.left - 8, py(tick), { 'text-anchor': 'end', fill: ink.quiet });
  }
  for (const tick of across.ticks) {
    const level = box.bottom;
    node('line', { x1: px(tick), x2: px(tick), y1: level, y2: level + 4, stroke: ink.quiet }, svg);
    write(x.format(tick, across.step), px(tick), level + 17, { 'text-anchor': 'middle', fill: ink.quiet });
  }
  node('line', { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, stroke: ink.quiet }, svg);
  write(`${x.title} →`, box.right, height - 10, { 'text-anchor': 'end' });
  write(`↑ ${y.title}`, 2, 10);

  for (const front of frontiers) {
    const route = front.map(([a, b]) => `${px(a)},${py(b)}`);
    const band = { fill: 'none', stroke: ink.front, 'stroke-width': 14, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' };
    // A line without length would not be drawn: its round ends make the one point's disc.
    node('polyline', { points: [...route, ...(route.length === 1 ? [`${px(front[0][0]) + 0.01},${py(front[0][1])}`] : [])].join(' '), ...band }, svg);
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
  for (const { points: along, colour, hollow } of lines) {
    const route = along.map((each) => `${px(each.x[0])},${py(each.y[0])}`).join(' ');
    node('polyline', { points: route, fill: 'none', stroke: colour, 'stroke-width': 1.75, 'stroke-linejoin': 'round', ...(hollow ? { 'stroke-dasharray': '5 3' } : {}) }, svg);
    for (const each of along.filter(isEnd)) cross(each, colour, 0.5);
  }
  if (mark) cross(mark, ink.mark, 1);
  const labels = [];
  const taken = [];
  for (const line of lines) {
    for (const point of line.points) {
      const [cx, cy] = [px(point.x[0]), py(point.y[0])];
      const { encoder, protocol, colour } = line;
      const group = node('g', { class: 'point', 'data-encoder': encoder, 'data-protocol': protocol, 'data-share': point.share, 'data-x': cx, 'data-y': cy }, svg);
      const look = { fill: line.hollow ? ink.paper : colour, stroke: line.hollow ? colour : ink.paper, 'stroke-width': line.hollow ? 1.75 : 1 };
      if (point.share === 0) node('rect', { x: cx - 4.5, y: cy - 4.5, width: 9, height: 9, ...look }, group);
      else node('circle', { cx, cy, r: point.share === 1 ? 6 : 2.75, ...look, ...(point.share === 1 ? {} : { 'stroke-width': 1 }) }, group);
      if (isEnd(point)) taken.push({ left: cx - 7, right: cx + 7, top: cy - 7, bottom: cy + 7 });
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
  for (const { text, colour, x: from, y: level, at, level: to, width: wide, far } of place(labels, taken, bounds)) {
    if (far) {
      const side = at > from ? at - 2 : at + wide + 2;
      node('line', { x1: from, y1: level, x2: side, y2: to, stroke: colour, 'stroke-width': 0.75 }, svg);
    }
    write(text, at, to, { fill: colour, 'font-weight': 600, class: 'label', stroke: ink.paper, 'stroke-width': 3, 'stroke-linejoin': 'round', 'paint-order': 'stroke' });
  }
  return svg;
}

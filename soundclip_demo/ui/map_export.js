// The map as a file: the view as it is, in light colours whatever the page wears. The overlay is taken as it is drawn,
// with a style of its own; only the points are written anew.
const HEAD = 62; // pixels above the map, for the title and the legend
const SCALE = 2; // of the PNG

function exportStyle() {
  const star = css('--secondary-700');
  return `
    text { font: 500 12px system-ui, sans-serif; fill: #292524 }
    .title { font-size: 16px; font-weight: 600 }
    .name, .words { text-anchor: middle; paint-order: stroke; stroke: #fff; stroke-width: 3px }
    .way { stroke: ${star}; stroke-width: 1.5 } .tie { stroke: ${star}; opacity: .35 }
    .tie.raw, .ring.raw { stroke-dasharray: 3 3 } .ring { fill: none; stroke: ${star}; stroke-width: 1.5 }
    .ring.found, .cross { fill: none; stroke: #292524; stroke-width: 2 } .ring.hover { display: none }
    .star polygon, .mark { fill: ${star}; stroke: ${star}; stroke-width: 1.5 } .mark { opacity: .5 }
    .star.raw polygon, .mark.raw { fill: #fff } .star.blend polygon { fill: color-mix(in srgb, ${star} 45%, white) }
    .turned { filter: invert(1) } .away { display: none } .off .away { display: inline; fill: none; stroke: ${star}; stroke-dasharray: 2 3 }`;
}

function exportLegend() {
  const line = shape('g', { transform: 'translate(16 46)' });
  let x = 0;
  const write = (text) => {
    line.append(shape('text', { x, y: 4 }, text));
    pen.font = '500 12px system-ui, sans-serif';
    x += pen.measureText(text).width + 18;
  };
  if (told) write(told.label);
  for (const star of shown()) {
    const mark = shape('g', { class: `star ${star.side}`, transform: `translate(${x + 6} 0) scale(.6)` });
    mark.append(shape('polygon', { points: polygon(12) }));
    line.append(mark);
    x += 18;
    write(`${sideName(star)}${star.off ? ` (${props.words.off})` : ''}`);
  }
  return line;
}

// What Plotly painted of how densely a large gallery lies, dark on light.
function density() {
  const { l, t } = plot._fullLayout._size;
  return [...plot.querySelectorAll('.heatmaplayer image')].map((image) => {
    const place = shape('g', { class: dark() ? 'turned' : '', transform: `translate(${l} ${t})` });
    place.append(image.cloneNode());
    return place;
  });
}

function picture() {
  const { clientWidth: width, clientHeight: height } = plot;
  const view = { xmlns: NS, width, height: height + HEAD, viewBox: `0 0 ${width} ${height + HEAD}` };
  const whole = shape('svg', view);
  const clip = shape('clipPath', { id: 'view' });
  clip.append(shape('rect', { width, height }));
  const map = shape('g', { transform: `translate(0 ${HEAD})`, 'clip-path': 'url(#view)' });
  const dots = shape('g', { 'fill-opacity': BRIGHT });
  const r = plot.data[0].marker.size / 2;
  for (const index of ids.keys()) {
    if (!shows(index)) continue;
    const [cx, cy] = pixelOf(index);
    if (cx < -r || cx > width + r || cy < -r || cy > height + r) continue;
    const dot = shape('circle', { cx: cx.toFixed(1), cy: cy.toFixed(1), r, fill: tint(hues[categoryOf[index]], false) });
    if (!bright(index)) dot.setAttribute('fill-opacity', DIM);
    dots.append(dot);
  }
  map.append(...density(), dots, ...[...over.cloneNode(true).children]);
  whole.append(
    shape('style', {}, exportStyle()),
    clip,
    shape('rect', { width: '100%', height: '100%', fill: '#fff' }),
    shape('text', { x: 16, y: 26, class: 'title' }, base.title),
    exportLegend(),
    map,
  );
  return new Blob([new XMLSerializer().serializeToString(whole)], { type: 'image/svg+xml' });
}

function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function saveSvg() {
  if (ready) save(picture(), 'soundclip-map.svg');
}

async function savePng() {
  if (!ready) return;
  const image = new Image();
  const source = URL.createObjectURL(picture());
  image.src = source;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width * SCALE, image.height * SCALE];
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(source);
  canvas.toBlob((blob) => save(blob, 'soundclip-map.png'), 'image/png');
}

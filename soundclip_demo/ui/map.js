// Plotly draws the points and handles pan, zoom and hit-testing; here it is set up, and every control gets its deed.
const STEP = 0.12; // of the view, for an arrow key
const reach = tiles || { x: xs, y: ys }; // as far as clips lie

function span(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = 0.06 * (high - low || 1);
  return [low - room, high + room];
}

// Pixels at the foot of the map on which the legend lies, where there is no other place for it.
const covered = () => (getComputedStyle(find('.map-legend')).position === 'absolute' ? 24 : 0);

function layout() {
  const axis = { visible: false, fixedrange: coarse.matches };
  return {
    uirevision: 'kept',
    margin: { l: 4, r: 4, t: 4, b: 4 + covered() },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    xaxis: { ...axis, range: span(reach.x) },
    yaxis: { ...axis, range: span(reach.y) },
    showlegend: false,
    hovermode: 'closest',
    dragmode: coarse.matches ? false : 'pan', // a finger on the map must still scroll the page
  };
}

function trace() {
  const size = many ? 4 : ids.length > 600 ? 5 : 8;
  return {
    type: many ? 'scattergl' : 'scatter',
    mode: 'markers',
    x: xs,
    y: ys,
    hoverinfo: 'none',
    marker: { size, opacity: opacities(), color: colours(), line: { width: 0 } },
  };
}

// `change` gives each axis its new [low, high] from its old.
function view(change) {
  const update = {};
  for (const name of ['xaxis', 'yaxis']) {
    const [low, high] = change(plot._fullLayout[name].range, name);
    const [first, last] = span(name === 'xaxis' ? reach.x : reach.y);
    update[`${name}.range`] = [low, high];
    if (!coarse.matches) continue;
    // Once there is more than is seen, a finger moves the map instead of the page.
    const part = high - low < 0.99 * (last - first);
    Object.assign(update, { [`${name}.fixedrange`]: !part, dragmode: part ? 'pan' : false });
  }
  Plotly.relayout(plot, update);
}
const zoom = (factor) =>
  view(([low, high]) => {
    const [middle, half] = [(low + high) / 2, ((high - low) / 2) * factor];
    return [middle - half, middle + half];
  });
const shift = (dx, dy) =>
  view(([low, high], name) => {
    const by = (high - low) * (name === 'xaxis' ? dx : dy);
    return [low + by, high + by];
  });

const DEEDS = {
  in: () => zoom(0.65),
  out: () => zoom(1 / 0.65),
  all: () => view((_, name) => span(name === 'xaxis' ? reach.x : reach.y)),
  full: () => (document.fullscreenElement ? document.exitFullscreen() : find('.map').requestFullscreen?.()),
  svg: saveSvg,
  png: savePng,
};
const KEYS = {
  '+': DEEDS.in,
  '=': DEEDS.in,
  '-': DEEDS.out,
  0: DEEDS.all,
  ArrowLeft: () => shift(-STEP, 0),
  ArrowRight: () => shift(STEP, 0),
  ArrowUp: () => shift(0, STEP),
  ArrowDown: () => shift(0, -STEP),
};

function escaped(event) {
  if (!player.hidden) close();
  else if (event.target === filter) {
    filter.value = '';
    narrow();
  } else if (event.target === typed || results.contains(event.target)) forget();
  else tip.hidden = true;
}

async function start() {
  if (!window.Plotly) {
    await new Promise((done, failed) => {
      const script = document.createElement('script');
      script.src = props.script;
      script.onload = done;
      script.onerror = () => failed(new Error(props.words.no_script));
      document.head.append(script);
    });
  }
  await Plotly.newPlot(plot, [trace(), ...heat()], layout(), { displayModeBar: false, scrollZoom: true, responsive: true });
  ready = true;
  plot.on('plotly_hover', ({ points: [first] }) => {
    if (!bright(first.pointIndex)) return;
    point(ids[first.pointIndex]);
    showTip(first.pointIndex);
  });
  plot.on('plotly_unhover', () => {
    tip.hidden = true;
    point(null);
  });
  plot.on('plotly_click', ({ points: [first] }) => bright(first.pointIndex) && open(first.pointIndex));
  for (const name of ['plotly_afterplot', 'plotly_relayouting']) plot.on(name, overlay);
  plot.on('plotly_relayout', lookSoon);
  moveStars();
}

// The wheel scrolls the page; with Ctrl, or a pinch on a trackpad, it zooms the map.
plot.addEventListener('wheel', (event) => event.ctrlKey || event.metaKey || event.stopPropagation(), { capture: true });
element.addEventListener('click', (event) => ready && DEEDS[event.target.dataset.do]?.());
box.addEventListener('keydown', (event) => {
  if (event.target !== box || !ready || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
find('.map-close').addEventListener('click', close);
find('.map-about').addEventListener('click', () => {
  document.dispatchEvent(new CustomEvent('soundclip:card-open', { detail: player.dataset.clip }));
});
element.addEventListener('keydown', (event) => event.key === 'Escape' && escaped(event));
document.addEventListener('soundclip:card', (event) => {
  ringed = event.detail;
  overlay();
});
document.addEventListener('soundclip:hush', (event) => {
  const video = player.querySelector('video');
  if (video !== event.detail) video.pause();
});
new MutationObserver(() => {
  if (!ready) return;
  Plotly.restyle(plot, { 'marker.color': [colours()] }, [0]);
  if (tiles) Plotly.restyle(plot, { colorscale: [shades()] }, [1]);
}).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', moveStars);
start().catch((problem) => say(problem.message));

// Body of js_on_load for talk mode: keys, the heading, the presenter's notes here or in a second window.
const find = (name) => element.querySelector(name);
const [count, heading, ready, encoders, notes, help] =
  ['.talk-count', '.talk-title', '.talk-ready', '.talk-encoders', '.talk-notes', '.talk-help'].map(find);
const { order, examples, words } = props;
const SHARES = [1, 0.5, 0]; // what m goes through: projected, half, raw
const KEPT = 'soundclip-step'; // a reload on stage comes back to the step it was at
const windows = new BroadcastChannel('soundclip-talk');
const began = Date.now();

let view = '';
let now = { encoder: '', title: '', share: 1, sound: '', name: '' };
let step = -1; // of the running order; -1 where the presenter left it or there is none
let polling = 0;

const say = (view) => document.dispatchEvent(new CustomEvent('soundclip:show', { detail: view }));
const steady = (index, length) => Math.min(length - 1, Math.max(0, index));

// What is shown

function draw() {
  const state = view === 'notes' ? heard : current();
  count.textContent = state.count;
  heading.textContent = state.title;
  for (const item of encoders.children) item.toggleAttribute('aria-current', item.dataset.name === state.encoder);
  notes.querySelector('.talk-text').textContent = state.notes;
  notes.querySelector('.talk-next').textContent = state.next;
  if (view === 'talk') windows.postMessage({ state });
}

function current() {
  const at = order[step];
  const next = order[step + 1];
  return {
    count: at ? `${step + 1} / ${order.length}` : '',
    title: at ? at.title : now.name || props.title || words.title,
    encoder: now.encoder,
    notes: at ? at.notes : order.length ? '' : words.no_order,
    next: next ? `${words.next} ${next.title}` : '',
  };
}
let heard = current();

function list() {
  for (const [index, { name, title }] of props.encoders.entries()) {
    const item = document.createElement('li');
    item.dataset.name = name;
    item.append(Object.assign(document.createElement('kbd'), { textContent: index + 1 }), ` ${title}`);
    encoders.append(item);
  }
  help.querySelector('h2').textContent = words.help;
  for (const [keys, what] of words.keys) {
    const [name, text] = [document.createElement('dt'), document.createElement('dd')];
    for (const key of keys) name.append(Object.assign(document.createElement('kbd'), { textContent: key }), ' ');
    text.textContent = what;
    help.querySelector('dl').append(name, text);
  }
}

// So that no step waits for the network: the browser keeps what it was told it will need.
const fetched = new Set();
function prefetch(videos) {
  for (const href of videos.filter((video) => !fetched.has(video))) {
    fetched.add(href);
    document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href }));
  }
}

async function poll() {
  clearTimeout(polling);
  const [done, wanted, videos] = await server.prepared(null);
  prefetch(videos);
  ready.textContent = done < wanted ? words.preparing.replace('{done}', done).replace('{wanted}', wanted) : '';
  if (done < wanted && view) polling = setTimeout(poll, 2000);
}

function tick() {
  const seconds = Math.floor((Date.now() - began) / 1000);
  notes.querySelector('time').textContent = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  notes.querySelector('.talk-clock span').textContent =
    ` · ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

// What keys do

// The stage is dimmed until it shows what was asked for: a title beside the matches of another sound would mislead.
function ask(what) {
  document.body.classList.add('awaiting');
  trigger('go', what);
}
const answered = new MutationObserver(() => document.body.classList.remove('awaiting'));

function go(index) {
  step = steady(index, order.length);
  sessionStorage.setItem(KEPT, step);
  ask({ step });
  draw();
}

function move(by) {
  if (order.length) return go(step < 0 ? Number(sessionStorage.getItem(KEPT) ?? 0) : step + by);
  const at = examples.indexOf(now.sound);
  now = { ...now, sound: examples[at < 0 ? 0 : (at + by + examples.length) % examples.length] };
  ask({ sound: now.sound });
  draw();
}

function choose(number) {
  const encoder = props.encoders[number - 1];
  if (!encoder || encoder.name === now.encoder) return;
  now = { ...now, encoder: encoder.name };
  ask({ encoder: encoder.name });
  draw();
}

function mode() {
  const share = SHARES[(SHARES.findIndex((one) => one <= now.share) + 1) % SHARES.length];
  now = { ...now, share };
  ask({ share });
}

function compare() {
  const shown = document.body.classList.toggle('comparing');
  const run = document.querySelector('#compare [data-do="compare"]:not([disabled])');
  if (shown && run && !document.querySelector('#compare tr[data-row]')) run.click();
}

// In place of map and measurements, so that the captions stay in sight while the patches change.
function looking() {
  const shown = document.body.classList.toggle('looking');
  const closed = document.querySelector('#looking > .label-wrap:not(.open)');
  if (shown && closed) closed.click();
}

function patches(by) {
  const marks = [...document.querySelectorAll('#look .look-marks button')];
  const at = marks.findIndex((mark) => mark.getAttribute('aria-pressed') === 'true');
  if (document.body.classList.contains('looking')) marks[steady(at + by, marks.length)]?.click();
}

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

function leave() {
  for (const over of ['comparing', 'looking']) {
    if (document.body.classList.contains(over)) return document.body.classList.remove(over);
  }
  if (!notes.hidden) return (notes.hidden = true);
  say('');
}

const KEYS = {
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
  PageDown: () => move(1), // what a presenter's remote sends
  PageUp: () => move(-1),
  ' ': () => document.querySelector('#wave .wave-play').click(),
  m: mode,
  c: compare,
  l: looking,
  '+': () => patches(1),
  '-': () => patches(-1),
  f: full,
  n: () => (notes.hidden = !notes.hidden),
  N: () => window.open(`${location.pathname}?talk=notes`, 'soundclip-notes', 'popup,width=760,height=560'),
  '?': () => (help.open ? help.close() : help.showModal()),
  Escape: leave,
};

function press(key) {
  if (/^[1-9]$/.test(key)) choose(Number(key));
  else KEYS[key]?.();
}

const HERE = ['?', 'f', 'n', 'N', 'Escape']; // not sent from the notes' window to the stage
const FIELDS = 'input, textarea, select, [contenteditable]:not([contenteditable="false"])';
const PRESSABLE = 'button, summary, a[href], video';

document.addEventListener('keydown', (event) => {
  const { key, target } = event;
  if (!view || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (!(KEYS[key] || /^[1-9]$/.test(key)) || target.closest?.(FIELDS)) return;
  if (key === ' ' && target.closest?.(PRESSABLE)) return; // it presses what has the focus
  if (key === 'Escape' && (help.open || target.closest?.('[role="dialog"]'))) return; // it closes that first
  event.preventDefault();
  if (view === 'notes' && !HERE.includes(key)) windows.postMessage({ key });
  else if (view === 'talk' || key === '?') press(key);
});

windows.addEventListener('message', ({ data }) => {
  if (data.key && view === 'talk') press(data.key);
  if (data.hello && view === 'talk') draw();
  if (!data.state || view !== 'notes') return;
  heard = data.state;
  draw();
});

function enter(name, sound) {
  view = ['talk', 'notes'].includes(name) ? name : '';
  notes.hidden = view !== 'notes';
  document.body.classList.remove('comparing', 'looking');
  requestAnimationFrame(() => window.dispatchEvent(new Event('resize'))); // pictures that measure themselves anew
  if (!view) return help.close();
  poll();
  if (view === 'notes') windows.postMessage({ hello: true });
  else if (order.length) go(Number(sessionStorage.getItem(KEPT) ?? 0));
  else if (!now.name && !sound) move(0);
  draw();
}

document.addEventListener('soundclip:view', ({ detail }) => enter(detail.view, detail.sound));
document.addEventListener('soundclip:setting', ({ detail }) => {
  now = detail;
  draw();
});
setInterval(() => notes.hidden || tick(), 1000);
for (const place of document.querySelectorAll('#columns .matches, #problem')) {
  answered.observe(place, { childList: true, subtree: true });
}
list();
draw();

// Two fields over the map: one leaves a category bright and dims the rest, the other looks for typed words.
const filter = find('.map-filter input');
const form = find('.map-words');
const typed = form.querySelector('input');
const results = find('.map-found');
let hunted = null; // what the last search gave: {text, x, y, off, hits, note}

function say(sentence) {
  const line = find('.map-said');
  line.textContent = sentence;
  line.hidden = !sentence;
}

// A whole name means that category; a part of one all that hold it.
function meant(text) {
  const wanted = text.trim().toLowerCase();
  const names = categories.map((name) => name.toLowerCase());
  const whole = names.indexOf(wanted);
  if (whole >= 0) return [whole];
  return [...names.keys()].filter((number) => names[number].includes(wanted));
}

function narrow() {
  const numbers = filter.value.trim() ? meant(filter.value) : [];
  const before = kept;
  kept = numbers.length ? new Set(numbers) : null;
  if (!filter.value.trim()) say('');
  else if (!kept) say(props.words.no_category);
  else {
    const clips = numbers.reduce((count, number) => count + base.counts[number], 0);
    const all = base.counts.reduce((count, more) => count + more, 0);
    const names = numbers.slice(0, 5).map((number) => categories[number]);
    if (numbers.length > names.length) names.push('…');
    say(fill(props.words.filtered, { clips, all, names: names.join(', ') }));
  }
  if (!kept && !before) return;
  tip.hidden = true;
  filterList();
  if (ready) Plotly.restyle(plot, { 'marker.opacity': [opacities()] }, [0]);
  overlay();
}

async function hunt() {
  const text = typed.value.trim();
  if (!text) return forget();
  say(props.words.searching);
  let answer;
  try {
    answer = await server.find(text);
    if (answer.hits) await locate(answer.hits.map(([id]) => id));
  } catch {
    answer = { problem: props.words.broken };
  }
  if (typed.value.trim() !== text) return; // something else was typed meanwhile
  say(answer.problem || (answer.off ? props.words.words_off : ''));
  showHunted(answer.problem ? null : answer);
}

function showHunted(answer) {
  hunted = answer;
  results.hidden = !hunted;
  const items = (hunted ? hunted.hits : []).map(([id, category, score]) => {
    const item = document.createElement('li');
    const button = clipButton(byId.get(id), category);
    button.addEventListener('pointerenter', () => point(id));
    button.addEventListener('pointerleave', () => player.hidden && point(null));
    const number = document.createElement('span');
    number.textContent = score.toFixed(2);
    item.append(button, ' ', number);
    return item;
  });
  results.querySelector('ol').replaceChildren(...items);
  results.querySelector('p').textContent = hunted ? hunted.note : '';
  overlay();
}

function forget() {
  typed.value = '';
  say('');
  showHunted(null);
}

// Rings around what was found, and a cross where the words themselves lie.
function drawFound() {
  if (!hunted) return [];
  const [x, y] = pixel(hunted.x, hunted.y);
  const cross = shape('path', { d: 'M-6-6L6 6M6-6L-6 6', class: 'cross', transform: `translate(${x} ${y})` });
  const short = hunted.text.length > 40 ? `${hunted.text.slice(0, 39)}…` : hunted.text;
  const text = shape('text', { x, y: y > 26 ? y - 11 : y + 22, class: 'words' }, short);
  return [...hunted.hits.filter(([id]) => byId.has(id)).map(([id]) => ring(id, 'found', 9)), cross, text];
}

find('#map-categories').append(
  ...categories.map((name) => Object.assign(document.createElement('option'), { value: name })),
);
filter.addEventListener('input', narrow);
form.hidden = !props.searchable;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  hunt();
});
results.querySelector('.map-clear').addEventListener('click', () => {
  forget();
  typed.focus();
});
typed.addEventListener('input', () => typed.value || forget()); // its own cross was pressed

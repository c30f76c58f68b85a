// Body of js_on_load for the link: the only place that reads or writes the address bar.
// A view is "", "compare", "talk" or "notes"; it lives in the address and in `body[data-view]`, for page.css and talk.js.
const find = (name) => element.querySelector(name);
const [copy, text, said, talk] = ['.link-copy', '.link-text', '.link-said', '.link-talk'].map(find);
const SEEN = ['encoder', 't', 'k', 'sound', 'llava'];
const OWN = [...SEEN, 'talk', 'compare'];
const VIEWS = { talk: ['talk', '1'], notes: ['talk', 'notes'], compare: ['compare', '1'] };
const opened = new URLSearchParams(location.search);
let view = '';

copy.textContent = props.words.copy;
talk.textContent = props.words.talk;
text.setAttribute('aria-label', props.words.address);

// What others keep in the address, as Gradio its theme, stays there.
function address() {
  const parts = new URLSearchParams(location.search);
  OWN.forEach((name) => parts.delete(name));
  new URLSearchParams(props.value?.query ?? '').forEach((value, name) => parts.set(name, value));
  if (VIEWS[view]) parts.set(...VIEWS[view]);
  const query = parts.toString();
  return `${location.pathname}${query ? `?${query}` : ''}`;
}

function write() {
  history.replaceState(history.state, '', address());
  text.hidden = true;
  said.textContent = '';
}

function show(name) {
  view = name;
  document.body.dataset.view = name;
  document.dispatchEvent(new CustomEvent('soundclip:view', { detail: { view: name, sound: opened.get('sound') } }));
}

function changed() {
  if (!props.value) return;
  write();
  document.dispatchEvent(new CustomEvent('soundclip:setting', { detail: props.value }));
}

async function toClipboard() {
  write();
  const whole = new URL(address(), location.href).href;
  const note = props.value?.note ? ` ${props.value.note}` : '';
  try {
    await navigator.clipboard.writeText(whole);
    said.textContent = `${props.words.copied}${note}`;
  } catch {
    // Refused, or a page without https: the address stands there to be copied by hand.
    text.value = whole;
    text.hidden = false;
    text.focus();
    text.select();
    said.textContent = `${props.words.by_hand}${note}`;
  }
}

function go(name) {
  show(name);
  write();
}

// A comparison belongs to the address once somebody asked for it; an address that asks for it presses the button.
const RUN = '#compare [data-do="compare"]';
document.addEventListener('click', (event) => !view && event.target.closest(RUN) && go('compare'));
function compare(tries = 50) {
  const button = document.querySelector(`${RUN}:not([disabled])`);
  if (button) button.click();
  else if (tries) setTimeout(compare, 200, tries - 1);
}

copy.addEventListener('click', toClipboard);
talk.addEventListener('click', () => go('talk'));
document.addEventListener('soundclip:show', (event) => go(event.detail));
watch('value', changed);

const asked = Object.entries(VIEWS).find(([, [name, value]]) => opened.get(name) === value);
show(asked ? asked[0] : '');
if (view === 'compare') compare();
if (SEEN.some((name) => opened.has(name))) trigger('open', { query: location.search });

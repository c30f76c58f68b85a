// Body of js_on_load for a column of matching clips: draws cards, lets one clip at a time be heard, links to the map.
const calm = window.matchMedia('(prefers-reduced-motion: reduce)');
const find = (name) => element.querySelector(name);
const list = find('.cards');
const blank = list.firstElementChild.cloneNode(true);
const places = list.children.length;
const videos = () => [...element.querySelectorAll('.card[data-clip] video')];
const MOVE_MS = 350;

function fill(card, clip) {
  const put = (name, text) => (card.querySelector(name).textContent = text);
  card.classList.remove('ghost');
  card.classList.toggle('weak', clip.weak);
  card.removeAttribute('aria-hidden');
  card.dataset.clip = clip.clip;
  put('.rank', clip.rank);
  put('strong', clip.category);
  put('.score', clip.score);
  put('.words', clip.caption);
  put('.licence summary', clip.licence);
  put('.licence span', [clip.still, clip.attribution].filter(Boolean).join('\n\n'));
  card.querySelector('.words').title = clip.caption;
  card.querySelector('.licence summary').title = clip.licence;
  card.querySelector('.frame').title = clip.still;
  const bar = card.querySelector('.bar');
  bar.setAttribute('aria-label', clip.bar);
  bar.title = clip.bar;
  bar.querySelector('i').style.width = `${clip.share}%`;
  bar.querySelector('b').style.left = `${props.value.chance}%`;
  const [video, hear, more] = ['video', '.hear', '.more'].map((name) => card.querySelector(name));
  video.hidden = hear.hidden = more.disabled = false;
  video.setAttribute('aria-label', clip.category);
  hear.setAttribute('aria-label', clip.hear);
  more.setAttribute('aria-label', clip.more);
  if (video.getAttribute('src') === clip.video) return;
  video.poster = clip.poster;
  video.src = clip.video;
  video.muted = true;
}

// Clips that stay are the same elements in another place: their videos go on, and they glide there.
function draw() {
  const value = props.value;
  for (const [name, key] of [['h2', 'title'], ['.how', 'how'], ['.verdict', 'verdict'], ['.right', 'right'], ['.times', 'times']])
    find(name).textContent = value[key];
  element.closest('#columns').dataset.encoder = value.encoder; // stands between both columns
  find('.verdict').title = value.detail;
  find('.verdict').classList.toggle('chance', !value.above);
  const known = new Map([...list.children].map((card) => [card.dataset.clip, card]));
  const before = new Map([...known].filter(([clip]) => clip).map(([clip, card]) => [clip, card.getBoundingClientRect()]));
  const cards = value.cards.map((clip) => {
    const card = known.get(clip.clip) || blank.cloneNode(true);
    fill(card, clip);
    return card;
  });
  while (cards.length < places) cards.push(blank.cloneNode(true));
  if (cards.some((card, i) => list.children[i] !== card)) list.replaceChildren(...cards);
  if (!calm.matches) for (const card of cards) glide(card, before.get(card.dataset.clip));
  refresh();
}

function glide(card, from) {
  if (!from) return;
  const to = card.getBoundingClientRect();
  const [x, y, scale] = [from.left - to.left, from.top - to.top, from.width / to.width];
  if (Math.abs(x) + Math.abs(y) < 1) return;
  const start = { transform: `translate(${x}px, ${y}px) scale(${scale})`, transformOrigin: 'top left' };
  card.animate([start, { transform: 'none', transformOrigin: 'top left' }], { duration: MOVE_MS, easing: 'ease-out' });
}

function quiet(video) {
  video.muted = true;
  video.parentElement.querySelector('.hear').setAttribute('aria-pressed', 'false');
}

function refresh() {
  for (const video of videos()) {
    if (calm.matches && video.muted) video.pause();
    else if (video.paused) video.play().catch(() => {}); // a browser may refuse autoplay: the poster stays
  }
}

element.addEventListener('click', (event) => {
  if (event.target.closest('.more, .frame video')) document.dispatchEvent(new CustomEvent('soundclip:card-open', { detail: clipAt(event) }));
  const button = event.target.closest('.hear');
  if (!button) return;
  const video = button.parentElement.querySelector('video');
  const wanted = button.getAttribute('aria-pressed') !== 'true';
  document.dispatchEvent(new CustomEvent('soundclip:hush', { detail: video }));
  videos().forEach(quiet);
  if (!wanted) return;
  button.setAttribute('aria-pressed', 'true');
  video.muted = false;
  video.currentTime = 0;
  video.play();
});
document.addEventListener('soundclip:hush', (event) => {
  for (const video of videos()) if (video !== event.detail) quiet(video);
});

const clipAt = (event) => event.target.closest?.('.card[data-clip]')?.dataset.clip || null;
const tell = (clip) => document.dispatchEvent(new CustomEvent('soundclip:card', { detail: clip }));
for (const type of ['pointerover', 'focusin']) element.addEventListener(type, (event) => tell(clipAt(event)));
for (const type of ['pointerleave', 'focusout']) element.addEventListener(type, () => tell(null));
document.addEventListener('soundclip:point', (event) => {
  for (const card of element.querySelectorAll('.card[data-clip]')) {
    card.classList.toggle('lit', card.dataset.clip === event.detail);
  }
});

watch('value', draw);
draw();

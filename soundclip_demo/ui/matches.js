// Body of js_on_load for the matching clips: hearing one clip at a time, and the link to the map.
const calm = window.matchMedia('(prefers-reduced-motion: reduce)');
const videos = () => [...element.querySelectorAll('video')];

function quiet(video) {
  video.muted = true;
  const button = video.parentElement.querySelector('.hear');
  if (button) button.setAttribute('aria-pressed', 'false');
}

function refresh() {
  for (const video of videos()) {
    quiet(video);
    if (calm.matches) video.pause();
    else video.play().catch(() => {}); // a browser may refuse autoplay: the poster stays
  }
}

element.addEventListener('click', (event) => {
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

watch('value', refresh);
refresh();

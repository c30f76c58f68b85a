// Body of js_on_load for the clip card. A native dialog keeps the focus inside, closes on Escape and gives the focus back.
const [dialog, body] = ['.clip-card', '.clip-body'].map((name) => element.querySelector(name));
const calm = window.matchMedia('(prefers-reduced-motion: reduce)');
let asked = null; // id of the clip that was asked for last

async function open(id) {
  asked = id;
  let html = '';
  try {
    html = await server.about(id);
  } catch {
    // the sentence below says so
  }
  if (asked !== id) return; // another clip was asked for meanwhile
  if (html) body.innerHTML = html; // written, and escaped, by card.py
  else body.textContent = props.words.failed;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  play();
}

function play() {
  const video = body.querySelector('video');
  document.dispatchEvent(new CustomEvent('soundclip:hush', { detail: video }));
  if (video && !calm.matches) video.play().catch(() => {}); // the controls are there for a browser that refuses
}

dialog.addEventListener('close', () => {
  asked = null;
  body.replaceChildren(); // nothing plays on unseen
});
dialog.addEventListener('click', (event) => {
  const query = event.target.closest('.clip-query');
  if (query) trigger('query', { clip: asked });
  if (query || event.target === dialog || event.target.closest('.clip-close')) dialog.close();
});
document.addEventListener('soundclip:card-open', (event) => open(event.detail));
document.addEventListener('soundclip:hush', (event) => {
  const video = body.querySelector('video');
  if (video && video !== event.detail) video.pause();
});

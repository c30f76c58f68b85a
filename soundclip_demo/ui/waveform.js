// Body of js_on_load for the waveform: draws peaks, lets the visitor drag the window, plays the sound.
const find = (name) => element.querySelector(name);
const [svg, box, shade, line] = ['.wave-svg', '.wave-box', '.wave-window', '.wave-head-line'].map(find);
const [play, audio, slide] = ['.wave-play', 'audio', '.wave-slide'].map(find);
const range = slide.querySelector('input');
const ICONS = {
  play: '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5v14l11-7z"/></svg>',
  pause: '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 5h4v14H7zM13 5h4v14h-4z"/></svg>',
};
let start = 0;
let grabbed = null; // distance in seconds between the pointer and the window's start while dragging

slide.querySelector('span').textContent = props.words.slide;
play.setAttribute('aria-label', props.words.play);
play.innerHTML = ICONS.play;

const sound = () => props.value || null;
const movable = () => sound() && sound().seconds > props.window + 0.05;
const furthest = () => Math.max(0, sound().seconds - props.window);

function showWindow() {
  const now = sound();
  shade.hidden = !now;
  slide.hidden = !movable();
  box.classList.toggle('movable', Boolean(movable()));
  if (!now) return;
  const width = Math.min(props.window, now.seconds);
  shade.style.left = `${(100 * start) / now.seconds}%`;
  shade.style.width = `${(100 * width) / now.seconds}%`;
  range.max = furthest().toFixed(2);
  range.value = start;
  range.setAttribute('aria-valuetext', `${start.toFixed(1)} to ${(start + width).toFixed(1)} seconds`);
}

function draw() {
  const now = sound();
  const peaks = now ? now.peaks : new Array(120).fill(0.02);
  svg.setAttribute('viewBox', `0 -1 ${peaks.length} 2`);
  const path = peaks.map((peak, i) => {
    const height = Math.max(0.02, peak) * 0.94;
    return `M${i + 0.5} ${-height}V${height}`;
  });
  svg.innerHTML = `<path vector-effect="non-scaling-stroke" d="${path.join('')}"/>`;
  find('.wave-name').textContent = now ? now.name : props.words.none;
  find('.wave-text').textContent = now ? now.sentence : '';
  const credit = find('.licence');
  credit.hidden = !now || !now.licence;
  credit.querySelector('summary').textContent = now ? now.licence : '';
  credit.querySelector('span').textContent = now ? now.attribution : '';
  play.disabled = !now;
  element.classList.toggle('empty', !now);
  if (now && audio.dataset.src !== now.src) {
    audio.pause();
    audio.dataset.src = now.src;
    audio.src = now.src;
    line.hidden = true;
  }
  if (now) start = now.window[0];
  showWindow();
}

function release() {
  if (!movable() || Math.abs(start - sound().window[0]) < 0.01) return;
  trigger('release', { start });
}

const secondsAt = (event) => {
  const { left, width } = box.getBoundingClientRect();
  return ((event.clientX - left) / width) * sound().seconds;
};
box.addEventListener('pointerdown', (event) => {
  if (!movable()) return;
  const at = secondsAt(event);
  const inside = at >= start && at <= start + props.window;
  grabbed = inside ? at - start : props.window / 2;
  box.setPointerCapture(event.pointerId);
  moveTo(at - grabbed);
});
box.addEventListener('pointermove', (event) => {
  if (grabbed !== null) moveTo(secondsAt(event) - grabbed);
});
for (const end of ['pointerup', 'pointercancel']) {
  box.addEventListener(end, () => {
    if (grabbed === null) return;
    grabbed = null;
    release();
  });
}
function moveTo(seconds) {
  start = Math.min(furthest(), Math.max(0, seconds));
  showWindow();
}
range.addEventListener('input', () => moveTo(Number(range.value)));
range.addEventListener('change', release);

play.addEventListener('click', () => {
  if (!audio.paused) return audio.pause();
  document.dispatchEvent(new CustomEvent('soundclip:hush', { detail: audio }));
  audio.play().catch(() => {
    find('.wave-text').textContent = props.words.cannot;
  });
});
audio.addEventListener('play', () => (play.innerHTML = ICONS.pause));
audio.addEventListener('pause', () => (play.innerHTML = ICONS.play));
audio.addEventListener('timeupdate', () => {
  line.hidden = false;
  line.style.left = `${Math.min(100, (100 * audio.currentTime) / (audio.duration || 1))}%`;
});
document.addEventListener('soundclip:hush', (event) => {
  if (event.detail !== audio) audio.pause();
});

watch('value', draw);
draw();

// Body of js_on_load for what can be kept: asks the server for a file and lets the browser save it.
const find = (name) => element.querySelector(name);
const said = find('.keep-said');
const buttons = [...element.querySelectorAll('[data-kind]')];

find('.keep-label').textContent = props.words.label;
find('.keep-sound span').textContent = props.words.sound;
for (const button of buttons) button.textContent = props.words[button.dataset.kind];

element.addEventListener('click', (event) => {
  const kind = event.target.closest('[data-kind]')?.dataset.kind;
  if (!kind) return;
  said.textContent = props.words.making;
  trigger('save', { kind, sound: find('.keep-sound input').checked });
});

watch('value', () => {
  const file = props.value;
  if (!file) return;
  said.textContent = file.said;
  if (file.text) save(new Blob([file.text], { type: file.type }), file.name);
});

function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// The trade-off as it is drawn now, on the paper it is drawn on. tradeoff.js draws it so that nothing else styles it.
const PLOT = '#measured [data-plot="measured"] svg';
function plot() {
  const drawn = document.querySelector(PLOT);
  if (!drawn) return null;
  const copy = drawn.cloneNode(true);
  copy.querySelector('.look')?.remove();
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.style.background = getComputedStyle(document.querySelector('#measured')).backgroundColor;
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' });
}

async function savePng(svg) {
  const image = new Image();
  image.src = URL.createObjectURL(svg);
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  canvas.toBlob((png) => save(png, 'soundclip-trade-off.png'), 'image/png');
}

find('.keep-plot span').textContent = props.words.plot;
find('.keep-plot').addEventListener('click', (event) => {
  const kind = event.target.dataset.plot;
  const svg = kind && plot();
  if (svg && kind === 'svg') save(svg, 'soundclip-trade-off.svg');
  if (svg && kind === 'png') savePng(svg);
});

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
  if (!file.text) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([file.text], { type: file.type }));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});

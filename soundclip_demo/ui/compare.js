// Body of js_on_load for the comparison: each button says in `data-do` what it does, and for which row.
const ACTIONS = ['compare', 'halt', 'describe', 'hush', 'adopt'];

element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  // The second click of a double click would meet the button that the first one has called up.
  if (!button || event.detail > 1 || !ACTIONS.includes(button.dataset.do)) return;
  trigger(button.dataset.do, { row: button.dataset.row });
  if (button.dataset.do === 'adopt') {
    document.getElementById('columns').scrollIntoView({ block: 'nearest' });
  }
});

// All clips as a list, for those who do not see or reach the dots. It is built when it is opened; where there are too
// many clips to tell of at once, each category's clips when that category is opened.
const rows = new Map(); // category -> its <li>

function clipButton(index, text) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = text;
  button.addEventListener('click', () => open(index));
  button.addEventListener('focus', () => point(ids[index]));
  button.addEventListener('blur', () => player.hidden && point(null));
  return button;
}

function buildList() {
  if (rows.size) return;
  const members = categories.map(() => []);
  categoryOf.forEach((number, index) => members[number].push(index));
  categories.forEach((name, number) => {
    const item = document.createElement('li');
    if (many) item.append(closedCategory(name, base.counts[number]));
    else {
      item.append(`${name}: `);
      for (const index of members[number]) item.append(clipButton(index, base.about[index].caption || ids[index]), ' ');
    }
    rows.set(number, item);
  });
  find('.map-list ul').append(...rows.values());
  filterList();
}

function closedCategory(name, count) {
  const details = document.createElement('details');
  const summary = document.createElement('summary');
  summary.textContent = `${name} (${count})`;
  details.append(summary);
  const tell = async () => {
    const listed = await server.listed(name);
    await locate(listed.map(([id]) => id));
    for (const [id, caption] of listed) details.append(clipButton(byId.get(id), caption || id), ' ');
    if (count > listed.length) details.append(fill(props.words.more, { count: count - listed.length }));
  };
  details.addEventListener('toggle', tell, { once: true });
  return details;
}

function filterList() {
  for (const [number, item] of rows) item.hidden = Boolean(kept) && !kept.has(number);
}

find('.map-list').addEventListener('toggle', buildList);

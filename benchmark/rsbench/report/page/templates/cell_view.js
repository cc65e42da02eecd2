/** Shows what is known of one cell, over the page; `#cell-<id>` in the address opens it. */
class CellView {
  constructor(dialog, cells, script) {
    this.dialog = dialog;
    this.cells = new Map(cells.map(([id, , label, status]) => [id, { label, status }]));
    this.script = script;
    this.data = null; // read when the first cell is opened: it is most of the page
    dialog.addEventListener("close", () => this.closed());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // beside the view
    });
  }

  /** Opens or closes the view as the address says. */
  follow() {
    const id = /^#cell-(.+)$/.exec(location.hash)?.[1];
    if (id === undefined) {
      this.dialog.close();
      return;
    }
    this.data ??= embedded(this.script);
    this.dialog.replaceChildren(...this.content(id));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
  }

  /** Closed by Escape or the button: the address no longer names the cell. */
  closed() {
    if (location.hash.startsWith("#cell-")) history.replaceState(null, "", "#");
  }

  content(id) {
    const close = button("Close", () => this.dialog.close(), { class: "close" });
    const cell = this.cells.get(id);
    if (cell === undefined) {
      return [headed("Unknown cell", close), element("p", {}, `This report has no cell ${id}.`)];
    }
    const state = element("p", { class: cell.status === "failed" ? "state bad" : "state" },
      `${cell.status}; cell `, element("code", {}, id));
    const panels = this.data.cells[id].map((panel) => this.panel(panel));
    return [headed(cell.label, close), state, ...panels];
  }

  panel([place, data]) {
    const shape = this.data.shared[place];
    const values = Array.isArray(data) ? data : this.data.shared[data];
    const drawn = { pairs, table: valueTable, list: sentences, text: preformatted }[shape.kind];
    return element("section", { class: `panel ${shape.kind}` },
      element("h3", {}, shape.title), ...drawn(shape, values));
  }
}

/** The title of the view, which stays in sight, with the button that closes it. */
function headed(title, close) {
  return element("header", { class: "heading" }, element("h2", { id: "cell-title" }, title), close);
}

/** A value for readers; fractions with so many digits where that is given. */
function shownValue(value, digits = null) {
  if (value === null) return EMPTY;
  return digits !== null && typeof value === "number" ? value.toFixed(digits) : String(value);
}

function pairs(shape, values) {
  const list = element("dl");
  shape.names.forEach((name, number) => {
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, shownValue(values[number], shape.digits))));
  });
  return [list];
}

function valueTable(shape, values) {
  const columns = [...shape.fixed, ...values];
  const drawn = shape.curve ? curve(columns[shape.names.indexOf(shape.curve)], shape.curve) : null;
  const table = element("table");
  const head = table.createTHead().insertRow();
  shape.names.forEach((name, number) => {
    head.append(element("th", { scope: "col", class: kindOf(columns[number]) }, name));
  });
  const body = table.createTBody();
  for (let row = 0; row < columns[0].length; row += 1) {
    const line = body.insertRow();
    columns.forEach((column, number) => {
      const text = shownValue(column[row], shape.digits[number]);
      line.append(element("td", { class: kindOf(column) }, text));
    });
  }
  const scroll = element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": shape.title }, table);
  return drawn ? [drawn, scroll] : [scroll];
}

function kindOf(column) {
  return column.every((value) => value === null || typeof value === "number") ? "number" : "short";
}

function sentences(shape, values) {
  return [element("ul", {}, ...values.map((text) => element("li", {}, text)))];
}

function preformatted(shape, values) {
  return [element("pre", { tabindex: "0" }, values[0])];
}

/** A small line chart of one column over its rows, from the column's least to its largest. */
function curve(values, name) {
  const known = values.filter((value) => typeof value === "number");
  if (known.length < 2) return null;
  const [least, largest] = [Math.min(...known), Math.max(...known)];
  const [width, height] = [300, 60];
  const points = values.flatMap((value, number) => (typeof value !== "number" ? [] : [[
    (number / (values.length - 1)) * width,
    height - ((value - least) / (largest - least || 1)) * height,
  ].map((each) => each.toFixed(1)).join(",")]));
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", `-3 -3 ${width + 6} ${height + 6}`);
  drawing.setAttribute("class", "curve");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", `${name} from ${values[0]} to ${values.at(-1)}`);
  const line = document.createElementNS(space, "polyline");
  line.setAttribute("points", points.join(" "));
  drawing.append(line);
  return drawing;
}

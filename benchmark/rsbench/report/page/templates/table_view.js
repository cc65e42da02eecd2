/** Rows shown at once, to begin with; more pages follow. */
const PAGE_ROWS = 100;
/** Rows that a table has on paper. */
const PRINTED_ROWS = 500;
/** Characters of a text that may stand on several lines. */
const LONG_TEXT = 30;
/** Links to cells in one row. */
const MOST_LINKS = 12;

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * One table of the report: sorted by a column, filtered by words, shown page by page.
 * Only the rows of the page that is shown are elements of the document.
 */
class TableView {
  constructor(box, cells) {
    this.cells = cells;
    this.table = box.querySelector("table");
    this.data = embedded(box.querySelector("script"));
    this.columns = this.data.columns.map(readColumn);
    this.original = Array.from({ length: this.data.rows }, (_, row) => row);
    this.rows = this.original;
    this.sorted = { column: -1, descending: false };
    this.words = [];
    this.first = 0;
    this.pageRows = PAGE_ROWS;
    this.title = box.querySelector("h3").textContent;
    this.drawTools(box.querySelector(".tools"));
    this.drawHead();
    this.body = this.table.createTBody();
    this.show();
    const frame = box.querySelector(".scroll");
    const watcher = new ResizeObserver(() => { this.more.hidden = frame.scrollWidth <= frame.clientWidth; });
    watcher.observe(frame);
    watcher.observe(this.table);
  }

  get hasCells() {
    return this.data.cells.some((places) => places.length > 0);
  }

  drawTools(tools) {
    this.count = element("span", { class: "count", role: "status" });
    if (this.data.rows > 1) {
      const filter = element("input", {
        type: "search", placeholder: "Filter rows", "aria-label": `Filter the rows of ${this.title}`,
      });
      filter.addEventListener("input", () => this.filter(filter.value));
      tools.append(filter);
    }
    this.more = element("span", { class: "more" }, "more columns to the right →");
    tools.append(this.count, this.more);
    if (this.data.rows > PAGE_ROWS) tools.append(this.pager());
    tools.append(button("CSV", () => this.save(), {
      class: "csv", "aria-label": `Download ${this.title} as CSV`, title: "Download all rows as CSV",
    }));
  }

  pager() {
    const step = (pages) => () => {
      this.first += pages * this.pageRows;
      this.show();
    };
    this.previous = button("Previous", step(-1));
    this.next = button("Next", step(1));
    const sizes = element("select", { "aria-label": `Rows at once in ${this.title}` },
      ...[PAGE_ROWS, 500, 2000].map((size) => element("option", { value: size }, `${size} rows`)));
    sizes.addEventListener("change", () => {
      this.pageRows = Number(sizes.value);
      this.first = 0;
      this.show();
    });
    return element("span", { class: "pager" }, this.previous, this.next, sizes);
  }

  drawHead() {
    const head = this.table.createTHead();
    if (this.columns.some((column) => column.group)) head.append(this.groupHeadings());
    const line = head.insertRow();
    this.headings = this.columns.map((column, number) => {
      const mark = element("span", { class: "mark", "aria-hidden": "true" });
      const title = element("span", {}, column.title);
      if (column.unit) title.append(element("span", { class: "unit" }, ` (${column.unit})`));
      const sort = button(title, () => this.sortBy(number));
      sort.append(mark);
      const printed = column.unit ? `${column.title} (${column.unit})` : column.title;
      const heading = element("th", { scope: "col", "aria-sort": "none", "data-printed": printed }, sort);
      heading.className = column.kind;
      line.append(heading);
      return heading;
    });
    if (this.hasCells) line.append(element("th", { scope: "col", class: "links" }, "cells, by seed"));
  }

  groupHeadings() {
    const line = element("tr", { class: "groups" });
    let last = null;
    for (const column of this.columns) {
      if (last && column.group === last.title) {
        last.cell.colSpan += 1;
      } else {
        const cell = column.group
          ? element("th", { scope: "colgroup" }, column.group) : element("td");
        last = { title: column.group, cell };
        line.append(cell);
      }
    }
    if (this.hasCells) line.append(element("td"));
    return line;
  }

  /** Ascending at first, then descending, then in the order of the report. */
  sortBy(number) {
    const same = this.sorted.column === number;
    if (same && this.sorted.descending) this.sorted = { column: -1, descending: false };
    else this.sorted = { column: number, descending: same };
    this.headings.forEach((heading, each) => {
      const active = each === this.sorted.column;
      const direction = this.sorted.descending ? "descending" : "ascending";
      heading.setAttribute("aria-sort", active ? direction : "none");
    });
    this.first = 0;
    this.select();
  }

  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter((word) => word);
    this.first = 0;
    this.select();
  }

  /** The rows that have every word, in the chosen order. */
  select() {
    let rows = this.original;
    if (this.words.length) {
      this.lower ??= this.original.map((row) =>
        this.columns.map((column) => column.text[row]).join("\n").toLowerCase());
      rows = rows.filter((row) => this.words.every((word) => this.lower[row].includes(word)));
    }
    if (this.sorted.column >= 0) rows = [...rows].sort(this.order());
    this.rows = rows;
    this.show();
  }

  /** Compares two rows: numbers as numbers, text as text, what is undefined last. */
  order() {
    const { keys, text } = this.columns[this.sorted.column];
    const sign = this.sorted.descending ? -1 : 1;
    if (!keys) return (a, b) => sign * collator.compare(text[a], text[b]) || a - b;
    return (a, b) => {
      if (keys[a] === null || keys[b] === null) return (keys[a] === null) - (keys[b] === null) || a - b;
      return sign * (keys[a] - keys[b]) || a - b;
    };
  }

  show(most = this.pageRows) {
    const shown = this.rows.slice(this.first, this.first + most);
    this.body.replaceChildren(...shown.map((row) => this.line(row)));
    this.count.textContent = this.counted(shown.length);
    if (this.previous) {
      this.previous.disabled = this.first === 0;
      this.next.disabled = this.first + most >= this.rows.length;
    }
  }

  counted(shown) {
    const all = this.data.rows;
    const found = this.rows.length;
    if (found === 0) return all ? `no row of ${grouped(all)}` : "no rows";
    const range = shown < found
      ? `${grouped(this.first + 1)}–${grouped(this.first + shown)} of ${grouped(found)} rows`
      : `${grouped(found)} ${found === 1 ? "row" : "rows"}`;
    return found < all ? `${range} (of ${grouped(all)})` : range;
  }

  line(row) {
    const line = element("tr");
    this.columns.forEach((column) => {
      const text = column.text[row];
      line.append(element("td", { class: column.kind }, ...(column.keys ? [text] : breakable(text))));
    });
    if (this.hasCells) line.append(this.links(this.data.cells[row]));
    return line;
  }

  /** A link to each cell behind a row, named by its seed. */
  links(places) {
    const cell = element("td", { class: "links" });
    for (const place of places.slice(0, MOST_LINKS)) {
      const [id, seed, label] = this.cells[place];
      cell.append(element("a", { href: `#cell-${id}`, title: label, "aria-label": label }, String(seed)));
    }
    if (places.length > MOST_LINKS) cell.append(` and ${places.length - MOST_LINKS} more`);
    return cell;
  }

  /** Every row as CSV, the same text as in tables/<name>.csv. */
  save() {
    const fields = this.data.files.map(([, column]) =>
      typeof column === "number" ? this.columns[column].text : unpacked(column));
    const lines = [this.data.files.map(([name]) => name)];
    for (const row of this.original) lines.push(fields.map((column) => column[row]));
    const text = lines.map((line) => line.map(csvField).join(",") + "\n").join("");
    download(`${this.data.name}.csv`, text, "text/csv");
  }
}

/** A column with its lists unpacked, and how wide its text may stand. */
function readColumn(column) {
  const text = unpacked(column.text);
  const keys = column.keys && unpacked(column.keys);
  const long = text.some((each) => each.length > LONG_TEXT);
  return { ...column, text, keys, kind: keys ? "number" : long ? "long" : "short" };
}

/** A text that may be broken inside names: after "_", "+" and the like. */
function breakable(text) {
  return text.split(/(?<=[_+=\/])/).flatMap((part, number) => number ? [element("wbr"), part] : [part]);
}

function csvField(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

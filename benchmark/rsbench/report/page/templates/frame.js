/** Dark or light: the system's choice until the button is used, and then until the page is left. */
function startTheme(control) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const apply = () => {
    const dark = chosen ?? system.matches;
    if (chosen !== null) document.documentElement.dataset.theme = dark ? "dark" : "light";
    control.textContent = dark ? "Light" : "Dark";
    control.setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"} colours`);
  };
  control.addEventListener("click", () => {
    chosen = !(chosen ?? system.matches);
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}

/** On narrow screens the navigation is folded behind a button. */
function startMenu(control, navigation) {
  const open = (state) => {
    control.setAttribute("aria-expanded", String(state));
    navigation.classList.toggle("open", state);
  };
  control.addEventListener("click", () => open(control.getAttribute("aria-expanded") !== "true"));
  navigation.addEventListener("click", (event) => {
    if (event.target.closest("a")) open(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && navigation.classList.contains("open")) {
      open(false);
      control.focus();
    }
  });
}

/** Marks the section that is being read in the navigation. */
function startMarks(navigation) {
  const links = new Map([...navigation.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      for (const [id, link] of links) {
        if (id === entry.target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  document.querySelectorAll("main > section").forEach((section) => watcher.observe(section));
}

/** Dots per CSS pixel of a figure that is downloaded as PNG: 200 for an inch, as in figures/. */
const PNG_SCALE = 200 / 96;

/** Draws an SVG picture of the page as PNG, so that the page need not hold both. */
function downloadDrawn(image, name) {
  const canvas = element("canvas", {
    width: Math.round(image.naturalWidth * PNG_SCALE), height: Math.round(image.naturalHeight * PNG_SCALE),
  });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((picture) => download(name, picture, "image/png"), "image/png");
}

/** Figures open large by click or Enter, and are downloaded from what the page shows. */
function startFigures(dialog) {
  const enlarge = (image) => {
    const large = element("img", { src: image.src, alt: image.alt, width: image.width, height: image.height });
    large.style.setProperty("--natural", `${image.getAttribute("width")}px`);
    dialog.replaceChildren(button("Close", () => dialog.close(), { class: "close" }), large);
    dialog.showModal();
  };
  document.querySelectorAll("button.picture").forEach((picture) => {
    picture.addEventListener("click", () => enlarge(picture.querySelector("img")));
  });
  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog.querySelector("button")) dialog.close();
  });
  const shownBeside = (link) => link.closest("figure").querySelector("img");
  document.querySelectorAll("a.same-picture").forEach((link) => {
    link.addEventListener("click", () => { link.href = shownBeside(link).src; });
  });
  document.querySelectorAll("a.drawn-picture").forEach((link) => {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      downloadDrawn(shownBeside(link), link.download);
    });
  });
}

/** On paper everything is unfolded, and tables have more rows than on the screen. */
function startPrinting(tables) {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((each) => { each.open = true; });
    tables.forEach((table) => table.show(Math.max(PRINTED_ROWS, table.pageRows)));
  });
  addEventListener("afterprint", () => {
    opened.forEach((each) => { each.open = false; });
    tables.forEach((table) => table.show());
  });
}

function start() {
  const navigation = document.getElementById("sections");
  const cells = embedded(document.getElementById("cell-list"));
  const tables = [...document.querySelectorAll("div.table")].map((box) => new TableView(box, cells));
  startTheme(document.getElementById("theme"));
  startMenu(document.getElementById("menu"), navigation);
  startMarks(navigation);
  startFigures(document.getElementById("enlarged"));
  startPrinting(tables);
  const view = new CellView(document.getElementById("cell"), cells, document.getElementById("cell-data"));
  addEventListener("hashchange", () => view.follow());
  view.follow();
}

start();

// A map over its picture: what it says under the cursor, for mouse, finger and keyboard.

import { announce, el, fetchJson } from "./dom.js";

const USUAL_OPACITY = 0.7; // of a map over its picture
const FAR = 8; // cells that Shift and an arrow key move by

/** The viewer of all maps of a job. More maps may come later: `update(report)`. */
export function mapViewer(report) {
  const list = el("select", { id: "map-choice", onchange: () => show(list.value) });
  const about = el("p", { class: "map-caption" });
  const photograph = report.preview && el("img", { class: "photograph", src: report.preview, alt: "" });
  const layer = el("img", { class: "layer", alt: "" });
  const frame = el("div", { class: "cell", hidden: true });
  const stack = el(
    "div",
    {
      class: "stack",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "map",
      "aria-describedby": "map-help",
      onpointermove: (event) => pointAt(event),
      onpointerdown: (event) => pointAt(event),
      onpointerleave: () => document.activeElement !== stack && clear(),
      onkeydown: (event) => keyed(event),
      onfocus: () => shown && at === null && move(middle()),
      onblur: () => clear(),
    },
    photograph ?? null,
    layer,
    frame,
  );
  const opacity = el("input", {
    type: "range", id: "map-opacity", min: "0", max: "100", value: String(100 * USUAL_OPACITY),
    oninput: () => { layer.style.opacity = opacity.value / 100; },
  });
  if (photograph) layer.style.opacity = USUAL_OPACITY;
  const readout = el("dl", { class: "readout" });
  const legend = el("div", { class: "legend" });
  const root = el(
    "div",
    { class: "viewer" },
    el(
      "div",
      { class: "viewer-bar" },
      el("label", { for: "map-choice" }, "Map "), list,
      photograph ? el("span", { class: "opacity" }, el("label", { for: "map-opacity" }, "Map over picture "), opacity) : null,
    ),
    el("div", { class: "viewer-body" }, stack, el("div", { class: "beside" }, readout, legend)),
    about,
    el("p", { class: "fine", id: "map-help" }, "Point at the map, or give it the focus and use the arrow keys; with Shift they go further."),
  );

  const loaded = new Map();
  let entries = [];
  let shown = null; // the map that is drawn
  let beside = []; // maps of the same question that say how sure it is
  let at = null; // [row, column]
  let wanted = null;

  function update(latest) {
    const before = entries.map((entry) => entry.href).join();
    entries = latest.maps;
    if (entries.map((entry) => entry.href).join() === before) return;
    loaded.clear(); // a finer map may have taken the place of a coarse one
    const chosen = wanted ?? list.value;
    const groups = Map.groupBy ? Map.groupBy(entries, (entry) => entry.title) : grouped(entries);
    list.replaceChildren(
      ...[...groups].map(([title, maps]) =>
        el("optgroup", { label: title }, ...maps.map((m) => el("option", { value: m.href }, m.name))),
      ),
    );
    if (!entries.length) return;
    list.value = entries.some((entry) => entry.href === chosen) ? chosen : first(entries).href;
    show(list.value);
  }

  // The map of parts says most in one look.
  function first(maps) {
    return maps.find((m) => m.analysis === "regions") ?? maps[0];
  }

  async function load(href) {
    if (!loaded.has(href)) loaded.set(href, await fetchJson(href));
    return loaded.get(href);
  }

  async function show(href) {
    wanted = href;
    try {
      const entry = entries.find((m) => m.href === href);
      const surer = entries.filter((m) => m.analysis === entry.analysis && m.unit === "probability" && m !== entry);
      const [map, ...others] = await Promise.all([href, ...surer.map((m) => m.href)].map(load));
      if (wanted !== href) return;
      shown = map;
      beside = others;
      draw();
    } catch (error) {
      about.textContent = `The map cannot be had: ${error.message}`;
    }
  }

  function draw() {
    layer.src = shown.picture;
    stack.style.aspectRatio = `${shown.width} / ${shown.height}`;
    stack.style.maxWidth = `calc(75vh * ${shown.width / shown.height})`; // so that all of it is seen at once
    stack.setAttribute("aria-label", `Map of ${shown.caption}`);
    about.textContent = shown.caption;
    const scale = shown.scale
      ? el(
          "div",
          { class: "scale" },
          el("img", { src: shown.scale, alt: "Colours from the lowest value to the highest" }),
          ...shown.ticks.map((tick) => {
            const mark = el("span", {}, tick.text);
            mark.style.left = `${100 * tick.place}%`;
            return mark;
          }),
        )
      : null;
    const keys = shown.keys.length
      ? el("ul", {}, ...shown.keys.map((key) => el("li", {}, el("img", { src: key.swatch, alt: "" }), key.text)))
      : null;
    legend.replaceChildren(...[el("strong", {}, shown.title), scale, keys].filter(Boolean));
    if (at) move([Math.min(at[0], shown.shape[0] - 1), Math.min(at[1], shown.shape[1] - 1)], false);
    else if (document.activeElement === stack) move(middle()); // it had the focus before the map was there
    else clear();
  }

  function middle() {
    return shown.shape.map((n) => Math.floor(n / 2));
  }

  function pointAt(event) {
    if (!shown) return;
    const box = stack.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * shown.width;
    const y = ((event.clientY - box.top) / box.height) * shown.height;
    const cell = [Math.floor(y / shown.cell[0]), Math.floor(x / shown.cell[1])];
    if (cell.every((k, axis) => k >= 0 && k < shown.shape[axis])) move(cell, false);
    else clear("beyond the last value of the map");
  }

  function keyed(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!shown || !(event.key in steps || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const from = at ?? middle();
    const far = event.shiftKey ? FAR : 1;
    const to = { Home: [0, 0], End: shown.shape.map((n) => n - 1) }[event.key] ??
      steps[event.key].map((step, axis) => Math.min(Math.max(from[axis] + far * step, 0), shown.shape[axis] - 1));
    move(to, true);
  }

  function move(cell, aloud = true) {
    at = cell;
    const [top, left] = cell.map((k, axis) => k * shown.cell[axis]);
    Object.assign(frame.style, {
      top: `${(100 * top) / shown.height}%`,
      left: `${(100 * left) / shown.width}%`,
      height: `${(100 * shown.cell[0]) / shown.height}%`,
      width: `${(100 * shown.cell[1]) / shown.width}%`,
    });
    frame.hidden = false;
    const lines = [shown, ...beside].map((m) => [m.name, told(m, left + shown.cell[1] / 2, top + shown.cell[0] / 2)]);
    readout.replaceChildren(
      ...[["place", `column ${left}, row ${top}`], ...lines].flatMap(([name, value]) => [
        el("dt", {}, name), el("dd", {}, value),
      ]),
    );
    if (aloud) announce(`${lines.map(([name, value]) => `${name}: ${value}`).join("; ")}; column ${left}, row ${top}`);
  }

  function clear(why = "") {
    at = null;
    frame.hidden = true;
    readout.replaceChildren(el("dt", {}, "place"), el("dd", {}, why || "point at the map"));
  }

  clear();
  update(report);
  return { root, update };
}

/** What a map says at a place of the picture, in words. */
export function told(map, x, y) {
  const value = map.values[Math.floor(y / map.cell[0])]?.[Math.floor(x / map.cell[1])];
  if (value === undefined) return "no value";
  if (value === null) return "cannot tell";
  if (map.labels.length) return map.labels[value];
  if (map.unit === "probability") return probability(value);
  const number = String(Number(value.toPrecision(4)));
  return map.unit && map.unit !== map.name ? `${number} ${map.unit}` : number;
}

// No measurement gives certainty.
function probability(value) {
  if (value > 0.995) return "probability over 0.99";
  return value < 0.005 ? "probability under 0.01" : `probability ${value.toFixed(2)}`;
}

function grouped(entries) {
  const found = new Map();
  for (const entry of entries) found.set(entry.title, [...(found.get(entry.title) ?? []), entry]);
  return found;
}

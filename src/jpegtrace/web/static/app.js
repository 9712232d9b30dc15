// The page: pictures in, a list of jobs, and what was found.

import { announce, byId, bytes, el, fetchJson } from "./dom.js";
import { showComparison } from "./compare.js";
import { headline, showResult } from "./result.js";
import { upload } from "./uploads.js";

const REMEMBERED = "jpegtrace-jobs"; // ids, in this tab only
const POLL = 500; // milliseconds

const bounds = fetchJson("/api/limits");
const entries = []; // {job, item, ...} in the order of the list
let open = null; // {id, update}
let starting = false; // no worker is warm yet

async function begin() {
  byId("file").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = "";
  });
  byId("compare").addEventListener("click", compare);
  const drop = byId("drop");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  // Whoever is quick is taken before the bounds are known; `send` waits for them.
  const { bytes: most, pixels, keep_minutes: minutes } = await bounds;
  byId("bounds").textContent =
    `Up to ${bytes(most)} and ${Math.round(pixels / 1e6)} million pixels each. ` +
    `Kept in memory only, and forgotten ${minutes} minutes after the report is made.`;
  await recall();
  poll();
}

function take(files) {
  const chosen = [...files];
  if (!chosen.length) return;
  byId("refusals").replaceChildren();
  byId("refusals").hidden = true;
  const everywhere = byId("everywhere").checked;
  announce(chosen.length === 1 ? `${chosen[0].name}: is sent` : `${chosen.length} pictures are sent`);
  for (const file of chosen) send(file, everywhere);
}

async function send(file, everywhere) {
  const { bytes: most } = await bounds;
  if (file.size > most) {
    refuse(file.name, `it has ${bytes(file.size)}; ${bytes(most)} are allowed`);
    return;
  }
  const entry = add({ name: file.name || "pasted picture", state: "sending", share: 0, doing: "Sending" });
  try {
    entry.job = await upload(file, everywhere, (share) => {
      entry.job = { ...entry.job, share };
      draw(entry);
    });
    remember();
    draw(entry);
  } catch (error) {
    remove(entry);
    refuse(file.name, error.message);
  }
}

function refuse(name, why) {
  byId("refusals").hidden = false;
  byId("refusals").append(el("li", {}, el("strong", {}, name), `: ${why}`));
}

function add(job) {
  const entry = { job, chosen: false };
  entry.item = el("li", { class: "job" });
  entries.push(entry);
  byId("jobs").append(entry.item);
  arrange();
  draw(entry);
  return entry;
}

function remove(entry) {
  entries.splice(entries.indexOf(entry), 1);
  entry.item.remove();
  if (open?.id === entry.job.id) close();
  arrange();
  remember();
  drawCompare();
}

function arrange() {
  byId("workspace").hidden = !entries.length;
  byId("promises").hidden = Boolean(entries.length);
  document.body.classList.toggle("at-work", Boolean(entries.length));
}

function close() {
  open = null;
  for (const id of ["result", "comparison"]) byId(id).hidden = true;
}

// A card is made once and then changed, so that the focus stays where it is.
function draw(entry) {
  const { job, item } = entry;
  entry.parts ??= makeCard(entry);
  const parts = entry.parts;
  const over = job.state === "done" || job.state === "failed";
  item.dataset.state = job.state;
  parts.state.textContent = stateOf(job);
  parts.progress.hidden = over;
  parts.progress.value = job.share;
  parts.show.hidden = parts.pick.hidden = !job.report;
  parts.show.setAttribute("aria-pressed", String(open?.id === job.id && !byId("result").hidden));
  parts.forget.hidden = !job.id;
  if (job.report?.preview && !parts.picture.src) parts.picture.src = job.report.preview;
  drawCompare();
}

function makeCard(entry) {
  const { job, item } = entry;
  const name = el("span", { class: "name" }, job.name);
  const parts = {
    picture: el("img", { class: "thumb", alt: "", width: "64", height: "48" }),
    state: el("p", { class: "state" }),
    progress: el("progress", { max: "1", "aria-label": `Progress of ${job.name}` }),
    show: el("button", { type: "button", class: "small", "aria-label": `Show ${job.name}`, onclick: () => show(entry, true) }, "Show"),
    forget: el("button", { type: "button", class: "small quiet", "aria-label": `Forget ${job.name}`, onclick: () => forget(entry) }, "Forget"),
    pick: el("label", { class: "pick" }, el("input", {
      type: "checkbox", "aria-label": `Compare ${job.name}`,
      onchange: (event) => { entry.chosen = event.target.checked; drawCompare(); },
    }), " compare"),
  };
  item.append(
    parts.picture,
    el("div", { class: "job-text" }, name, parts.state, parts.progress),
    el("div", { class: "job-acts" }, parts.show, parts.forget, parts.pick),
  );
  return parts;
}

function stateOf(job) {
  if (job.state === "sending") return job.share < 1 ? `Sending, ${Math.round(100 * job.share)} %` : "Sent";
  if (job.state === "queued" && starting) return "Waiting for the engine to start; after an installation this takes a minute";
  if (job.state === "queued") return job.place ? `Waiting, place ${job.place}` : "Waiting";
  if (job.state === "failed") return `Failed: ${job.error.message}`;
  if (job.report) return job.state === "running" ? `${headline(job.report)}; maps follow` : headline(job.report);
  return job.doing ? `${job.doing} ...` : "Begins";
}

async function poll() {
  if (entries.some(({ job }) => job.state === "queued")) {
    const health = await fetchJson("/health").catch(() => null);
    starting = health?.status === "starting";
  }
  for (const entry of [...entries]) {
    const { job } = entry;
    if (!job.id || job.state === "done" || job.state === "failed") continue;
    try {
      entry.job = await fetchJson(`/api/jobs/${job.id}`);
      noteChange(entry, job);
    } catch (error) {
      if (error.status === 404) remove(entry);
      else entry.parts.state.textContent = "The server does not answer; is it still running?";
    }
  }
  setTimeout(poll, POLL);
}

function noteChange(entry, before) {
  const { job } = entry;
  draw(entry);
  if (job.state === "failed") announce(`${job.name}: failed, ${job.error.message}`);
  if (job.report && !before.report) {
    announce(`${job.name}: ${headline(job.report)}`);
    if (!open) show(entry, false);
  } else if (open?.id === job.id) {
    open.update(job);
  }
}

function show(entry, focus) {
  const before = open?.id;
  byId("comparison").hidden = true;
  open = { id: entry.job.id, update: showResult(byId("result"), entry.job) };
  for (const other of entries) if (other.job.id === before || other === entry) draw(other);
  if (focus) byId("result-title").focus();
}

async function forget(entry) {
  try {
    await fetchJson(`/api/jobs/${entry.job.id}`, { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) {
      refuse(entry.job.name, `could not be forgotten: ${error.message}`);
      return;
    }
  }
  announce(`${entry.job.name}: forgotten`);
  remove(entry);
  byId(entries.length ? "pictures" : "file").focus();
}

function chosen() {
  return entries.filter((entry) => entry.chosen && entry.job.report);
}

function drawCompare() {
  const possible = entries.filter((entry) => entry.job.report).length > 1;
  byId("compare").disabled = chosen().length !== 2;
  byId("compare").hidden = !possible;
  byId("compare-hint").hidden = !possible || chosen().length === 2;
}

function compare() {
  const [left, right] = chosen();
  close();
  showComparison(byId("comparison"), left.job, right.job);
  for (const entry of entries) draw(entry);
  byId("comparison-title").focus();
}

// What this tab knows survives a reload; nothing outlives the tab, nor the server.
function remember() {
  const ids = entries.map((entry) => entry.job.id).filter(Boolean);
  sessionStorage.setItem(REMEMBERED, JSON.stringify(ids));
}

async function recall() {
  for (const id of JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "[]")) {
    try {
      add(await fetchJson(`/api/jobs/${encodeURIComponent(id)}`));
    } catch {
      // forgotten meanwhile
    }
  }
  remember();
}

begin().catch((error) => refuse("The page cannot begin", error.message));

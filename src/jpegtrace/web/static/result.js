// One report: in short, as maps, and whole.

import { el, plural } from "./dom.js";
import { mapViewer } from "./viewer.js";

const STATUS = {
  ok: "can tell",
  inconclusive: "cannot tell",
  not_applicable: "does not apply",
  failed: "could not look",
};

/** Fill `section` with the report of a job; gives a function that takes later states of the job. */
export function showResult(section, job) {
  const report = job.report;
  const viewer = mapViewer(report);
  const maps = el("section", { class: "panel", "aria-labelledby": "maps-title", hidden: !report.maps.length },
    el("h3", { id: "maps-title" }, "Where"), viewer.root);
  const more = el("p", { class: "fine", hidden: true });
  section.replaceChildren(
    el("div", { class: "heading" },
      el("h2", { id: "result-title", tabindex: "-1" }, job.name),
      el("p", { class: "downloads" },
        el("a", { class: "button", href: report.json, download: `${stem(job.name)}.report.json` }, "Download JSON"),
        el("a", { class: "button", href: report.html, download: `${stem(job.name)}.report.html` }, "Download HTML"))),
    el("p", { class: "fine" }, `${report.format}, ${report.width} x ${report.height} pixels`),
    verdict(report),
    maps,
    more,
    el("section", { class: "panel", "aria-labelledby": "whole-title" },
      el("h3", { id: "whole-title" }, "The whole report"),
      el("iframe", { class: "report", src: report.html, sandbox: "allow-scripts", title: `Report of ${job.name}` })),
  );
  section.hidden = false;
  const update = (latest) => {
    viewer.update(latest.report);
    maps.hidden = !latest.report.maps.length;
    const notes = latest.state === "running" ? [`More maps follow: ${latest.doing.toLowerCase()} ...`, ...latest.notes] : latest.notes;
    more.hidden = !notes.length;
    more.textContent = notes.join(" ");
  };
  update(job);
  return update;
}

function verdict(report) {
  const told = report.verdict;
  const alarms = report.findings.flatMap((finding) => finding.remarks).filter((remark) => remark.level === "alarm");
  return el("section", { class: "panel verdict", "aria-labelledby": "verdict-title" },
    el("h3", { id: "verdict-title" }, "The verdict"),
    el("p", { class: "lead" }, told.text),
    el("p", {}, el("span", { class: `badge ${told.confidence}` }, `Confidence: ${told.confidence}`), " ", told.why),
    alarms.length
      ? el("ul", { class: "remarks" }, alarms.map((remark) => el("li", { class: "alarm" }, el("strong", {}, "Alarm: "), remark.text)))
      : null,
    told.unusual.length ? folded("Unusual, with innocent explanations", told.unusual) : null,
    folded("What this does not mean", told.not_mean),
    el("details", {}, el("summary", {}, "Every answer in a line"),
      el("dl", { class: "answers" }, report.findings.flatMap((finding) => [
        el("dt", {}, finding.title),
        el("dd", {}, finding.summary, finding.sure ? ` (${finding.sure})` : null, " ",
          el("span", { class: `status ${finding.status}` }, STATUS[finding.status])),
      ]))));
}

function folded(title, lines) {
  return el("details", {}, el("summary", {}, `${title} (${lines.length})`), el("ul", {}, lines.map((line) => el("li", {}, line))));
}

/** The verdict in a few words. */
export function headline(report) {
  const alarms = report.findings.flatMap((f) => f.remarks).filter((r) => r.level === "alarm").length;
  return `${alarms ? plural(alarms, "alarm") : "No alarm"}, confidence ${report.verdict.confidence}`;
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "") || name;
}

// Two pictures side by side: which answers differ, in words.

import { el, plural } from "./dom.js";
import { headline } from "./result.js";

/** Fill `section` with two jobs side by side. */
export function showComparison(section, left, right) {
  const pairs = left.report.findings.map((finding) => [
    finding, right.report.findings.find((other) => other.analysis === finding.analysis) ?? null,
  ]);
  const rows = pairs.map(([one, other]) => ({ one, other, verdict: difference(one, other) }));
  const differing = rows.filter((row) => row.verdict !== SAME).length;
  section.replaceChildren(
    el("div", { class: "heading" }, el("h2", { id: "comparison-title", tabindex: "-1" }, `${left.name} and ${right.name}`)),
    el("p", {}, differing ? `${plural(differing, "answer")} of ${rows.length} differ${differing === 1 ? "s" : ""}.` : `All ${rows.length} answers are the same.`),
    el("div", { class: "panel scroll", tabindex: "0", role: "region", "aria-label": "Answers side by side" },
      el("table", { class: "comparison" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Question"), head(left), head(right), el("th", { scope: "col" }, "Comparison"))),
        el("tbody", {}, rows.map(({ one, other, verdict }) =>
          el("tr", { class: verdict === SAME ? "same" : "differs" },
            el("th", { scope: "row" }, one.title), cell(one), cell(other), el("td", { class: "mark" }, verdict === SAME ? "= same" : `≠ ${verdict}`)))))),
  );
  section.hidden = false;
}

const SAME = "same";

function difference(one, other) {
  if (other === null) return "only asked of the first";
  if (one.status !== other.status || one.summary !== other.summary) return "differs";
  const words = (finding) => finding.remarks.map((remark) => remark.text).join("\n");
  if (words(one) !== words(other)) return "same answer, other remarks";
  return SAME;
}

function head(job) {
  return el("th", { scope: "col" },
    job.report.preview ? el("img", { src: job.report.preview, alt: "" }) : null,
    el("span", { class: "name" }, job.name), el("span", { class: "fine" }, headline(job.report)),
    el("span", { class: "said" }, job.report.verdict.text));
}

function cell(finding) {
  if (finding === null) return el("td", {}, "not asked");
  const sure = finding.sure ? ` (${finding.sure})` : "";
  const remarks = finding.remarks.filter((remark) => remark.level !== "info");
  return el("td", {}, finding.summary + sure,
    remarks.length ? el("ul", { class: "remarks" }, remarks.map((remark) => el("li", { class: remark.level }, remark.text))) : null);
}

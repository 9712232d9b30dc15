"use strict";
// The page is whole without this: maps then lie over the photograph as they are, and a box takes them away.
for (const slider of document.querySelectorAll(".slider input")) {
  const layer = document.getElementById(slider.dataset.layer);
  const told = slider.parentElement.querySelector("output");
  const show = () => {
    layer.style.opacity = slider.value / 100;
    told.textContent = slider.value + "%";
    slider.setAttribute("aria-valuetext", slider.value + " percent");
  };
  slider.addEventListener("input", show);
  slider.parentElement.hidden = false;
  show();
}
const opened = [];
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) { one.open = true; opened.push(one); }
});
addEventListener("afterprint", () => { for (const one of opened.splice(0)) { one.open = false; } });

// Elements made without markup: whatever a file is called, its name is only ever text.

/** An element with attributes, listeners (`onclick`) and children; null attributes are left out. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && typeof value === "boolean") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Say something to those who listen instead of looking. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** JSON from the server; an error is thrown with its sentence. */
export async function fetchJson(path, options) {
  const response = await fetch(path, options);
  const body = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(body.error.message), { status: response.status });
  return body;
}

/** A size in bytes for people. */
export function bytes(count) {
  if (count < 1024) return `${count} bytes`;
  return count < 1 << 20 ? `${Math.round(count / 1024)} KiB` : `${(count / (1 << 20)).toFixed(1).replace(/\.0$/, "")} MiB`;
}

/** "1 alarm", "2 alarms". */
export function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

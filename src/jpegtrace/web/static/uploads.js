// Files to the server, a few at a time, each with its progress.

const AT_ONCE = 3;
const PATIENCE = 60; // tries while the server is busy

const waiting = [];
let running = 0;

/** Send a file; `progress` is told the share that is sent. Gives the job, or throws an error with a sentence. */
export function upload(file, everywhere, progress) {
  return new Promise((resolve, reject) => {
    waiting.push({ file, everywhere, progress, resolve, reject, tries: 0 });
    next();
  });
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    const entry = waiting.shift();
    send(entry).finally(() => {
      running -= 1;
      next();
    });
  }
}

async function send(entry) {
  for (;;) {
    const { status, body, wait } = await post(entry);
    if (status === 503 && entry.tries < PATIENCE) {
      entry.tries += 1;
      await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    } else if (status === 202) {
      return entry.resolve(body.pictures[0].job);
    } else {
      return entry.reject(new Error(body?.error?.message ?? "the server did not take it; is it still running?"));
    }
  }
}

// fetch() does not tell how much is sent.
function post({ file, everywhere, progress }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("maps", everywhere ? "everywhere" : "report");
    form.append("picture", file, file.name || "pasted picture");
    request.open("POST", "/api/pictures");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onloadend = () =>
      resolve({
        status: request.status,
        body: request.response,
        wait: Number(request.getResponseHeader("retry-after")) || 5,
      });
    request.send(form);
  });
}

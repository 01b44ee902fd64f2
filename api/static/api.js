/** The gateway, as the studio calls it. */

const KEY = "avatar-key";
const TRIES_S = [0.5, 1, 2, 4];
const POLL_S = 2;
const MOST_REFUSALS = 6;

export class ApiError extends Error {
  /** @param {any} problem application/problem+json @param {Response} response */
  constructor(problem, response) {
    super(problem.detail);
    this.problem = problem;
    this.status = response.status;
    const wait = Number(response.headers.get("Retry-After"));
    this.retryAfter = wait > 0 ? wait : undefined;
  }
}

export const key = {
  /** @returns {string} */
  get() {
    return read(() => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY)) ?? "";
  },
  /** @param {string} value @param {boolean} remember beyond this tab */
  set(value, remember) {
    this.forget();
    read(() => (remember ? localStorage : sessionStorage).setItem(KEY, value));
  },
  forget() {
    read(() => sessionStorage.removeItem(KEY));
    read(() => localStorage.removeItem(KEY));
  },
  /** @returns {boolean} */
  get remembered() {
    return Boolean(read(() => localStorage.getItem(KEY)));
  },
};

/** What storage says; a browser may forbid it. @param {() => any} look */
function read(look) {
  try {
    return look();
  } catch {
    return null;
  }
}

/** Called with the reason when the gateway wants another key. */
export const locked = { tell: (/** @type {boolean} */ _hadKey) => {} };

/**
 * @param {string} method @param {string} path
 * @param {{json?: any, body?: Blob, headers?: Record<string, string>, signal?: AbortSignal, keepalive?: boolean}} [options]
 */
async function send(method, path, { json, body, headers = {}, ...options } = {}) {
  const all = { ...headers };
  if (key.get()) all.Authorization = `Bearer ${key.get()}`;
  if (json) all["Content-Type"] = "application/json";
  if (body) all["Content-Type"] = "application/octet-stream";
  const content = json ? JSON.stringify(json) : body;
  let response;
  try {
    response = await fetch(path, { method, headers: all, body: content, cache: "no-store", ...options });
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new Error("the server cannot be reached: check that it runs and that you are online");
  }
  if (response.ok) return response;
  if (response.status === 401) locked.tell(Boolean(key.get()));
  throw new ApiError(await problemOf(response), response);
}

/** @param {Response} response */
async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { code: "internal", detail: `the server answered ${response.status}: try again` };
  }
}

/** @param {string} method @param {string} path @param {any} [options] @returns {Promise<any>} */
export async function call(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** @param {Blob} file */
export function upload(file) {
  return call("POST", "/v1/uploads", { body: file });
}

/** @returns {string} A name for one attempt; `randomUUID` is missing where there is no TLS. */
export function newAttempt() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What the preflight says, once it is known.
 * @param {any} asked @param {AbortSignal} signal @param {(seconds: number) => void} waiting
 */
export async function examine(asked, signal, waiting) {
  let found = await patiently(() => call("POST", "/v1/preflight", { json: asked, signal }), signal, waiting);
  while (found.status === "running") {
    await pause(1, signal);
    found = await call("GET", `/v1/preflight/${found.id}`, { signal });
  }
  return found;
}

/** Again where the minute was full, or the server busy. @param {() => Promise<any>} ask @param {AbortSignal} signal @param {(seconds: number) => void} waiting */
async function patiently(ask, signal, waiting) {
  let refusals = 0;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || ++refusals > MOST_REFUSALS || ![429, 503].includes(error.status)) throw error;
      waiting(error.retryAfter ?? 10);
      await pause(error.retryAfter ?? 10, signal);
    }
  }
}

/**
 * Follow a video to its end: by events, resumed where the line is lost; by asking where the
 * stream cannot be had at all.
 * @param {string} id @param {(told: any) => void} tell @param {AbortSignal} signal
 * @returns {Promise<any>} The finished video.
 */
export async function follow(id, tell, signal) {
  let last = "";
  let failures = 0;
  while (failures < TRIES_S.length) {
    try {
      for await (const event of events(id, last, signal)) {
        failures = 0;
        last = event.id || last;
        tell(event.data);
        if (isEnd(event.data.status)) return await call("GET", `/v1/videos/${id}`, { signal });
      }
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error;
    }
    await pause(TRIES_S[failures], signal);
    failures += 1;
  }
  return poll(id, tell, signal);
}

/** @param {string} id @param {(told: any) => void} tell @param {AbortSignal} signal */
async function poll(id, tell, signal) {
  for (;;) {
    try {
      const video = await call("GET", `/v1/videos/${id}`, { signal });
      tell(video);
      if (isEnd(video.status)) return video;
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error;
      tell({ lost: true });
    }
    await pause(POLL_S, signal);
  }
}

/** @param {string} status */
export function isEnd(status) {
  return ["done", "failed", "cancelled"].includes(status);
}

/** Asking again would not help. @param {any} error */
function isFinal(error) {
  return error instanceof ApiError && [401, 403, 404].includes(error.status);
}

/**
 * EventSource cannot send a key, so the stream is read by hand.
 * @param {string} id @param {string} last @param {AbortSignal} signal
 */
async function* events(id, last, signal) {
  const headers = last ? { "Last-Event-ID": last } : {};
  const response = await send("GET", `/v1/videos/${id}/events`, { headers, signal });
  const stream = /** @type {ReadableStream} */ (response.body).pipeThrough(new TextDecoderStream());
  const reader = stream.getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parsed(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // the line is gone already
  }
}

/** @param {string} block */
function parsed(block) {
  const found = { id: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "id") found.id = value;
    if (name === "data") found.data += value;
  }
  return found.data ? { id: found.id, data: JSON.parse(found.data) } : null;
}

/** @param {number} seconds @param {AbortSignal} signal */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });
}

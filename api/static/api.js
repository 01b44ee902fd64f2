/** The gateway, as the studio calls it. */

import { computer, tab } from "./storage.js";

const KEY = "avatar-key";

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

/** No answer came at all. */
export class Unreachable extends Error {
  constructor() {
    super("the server cannot be reached: check that you are online, then try again");
  }
}

/** Whether the same call may go well in a while. @param {unknown} error */
export function mayPass(error) {
  if (error instanceof ApiError) return [408, 429].includes(error.status) || error.status >= 500;
  return error instanceof Unreachable;
}

export const key = {
  /** @returns {string} */
  get() {
    return tab.get(KEY) ?? computer.get(KEY) ?? "";
  },
  /** @param {string} value @param {boolean} remember beyond this tab */
  set(value, remember) {
    this.forget();
    (remember ? computer : tab).set(KEY, value);
  },
  forget() {
    tab.remove(KEY);
    computer.remove(KEY);
  },
  /** @returns {boolean} */
  get remembered() {
    return Boolean(computer.get(KEY));
  },
};

/** Called with the reason when the gateway wants another key. */
export const locked = { tell: (/** @type {boolean} */ _hadKey) => {} };

/**
 * @param {string} method @param {string} path
 * @param {{json?: any, body?: Blob, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 */
export async function send(method, path, { json, body, headers = {}, ...options } = {}) {
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
    throw new Unreachable();
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

/** @param {number} seconds @param {AbortSignal} signal */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });
}

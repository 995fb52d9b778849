/** What the server said when it refused. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The server could not be reached, or broke off what it was telling. */
export class ConnectionError extends Error {}

/** What a server answers, or a proxy before it, that is busy, loading or restarting. */
const PASSING_STATUSES = [429, 502, 503, 504];

/** Whether the same request may be answered in a while. @param {unknown} thrown */
export const isPassing = (thrown) =>
  thrown instanceof ConnectionError ||
  (thrown instanceof ApiError && PASSING_STATUSES.includes(thrown.status));

/**
 * @template T
 * @param {Promise<T>} transfer of fetch, which calls every failure of the network a TypeError
 * @returns {Promise<T>}
 */
async function overNetwork(transfer) {
  try {
    return await transfer;
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    throw new ConnectionError("the server cannot be reached.", { cause: thrown });
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
async function request(path, init) {
  const response = await overNetwork(fetch(path, init));
  if (response.ok) return response;
  throw new ApiError(response.status, await errorText(response));
}

/** @param {Response} response */
async function errorText(response) {
  const body = await response.json().catch(() => null);
  return body?.error?.message ?? `the server answered with ${response.status}.`;
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function getJson(path, signal) {
  const response = await request(path, signal ? { signal } : {});
  return overNetwork(response.json());
}

/**
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function postJson(path, body) {
  const response = await request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  return response.json();
}

/** @param {string} path */
export const remove = async (path) => void (await request(path, { method: "DELETE" }));

/**
 * Asks, and yields chunks as they come.
 * @param {object} body
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<any, void>}
 */
export async function* streamChat(body, signal) {
  const response = await request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true, include_evidence: true }),
    signal,
  });
  yield* events(response);
}

/**
 * What a job told and tells, until it ends or the server does.
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<any, void>}
 */
export async function* jobEvents(id, signal) {
  yield* events(await request(`/api/jobs/${encodeURIComponent(id)}/events`, { signal }));
}

/**
 * What a stream tells, comments aside; an error in it is thrown.
 * @param {Response} response
 * @returns {AsyncGenerator<any, void>}
 */
async function* events(response) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await overNetwork(reader.read());
      held += decoder.decode(value, { stream: !done });
      const whole = held.split("\n\n");
      held = whole.pop() ?? "";
      for (const event of whole) {
        const data = event.replace(/^data: /, "");
        if (data === "[DONE]" || data === "" || data.startsWith(":")) continue;
        const value = JSON.parse(data);
        if (value.error?.message) throw new ConnectionError(value.error.message);
        yield value;
      }
      if (done) return;
    }
  } finally {
    reader.releaseLock();
  }
}

/** The largest file that the server takes. */
const MAX_UPLOAD_BYTES = 200 * 2 ** 20;

/**
 * Sends a file, if it is not too large; fetch cannot tell how far it has come.
 * @param {"documents" | "questions"} kind
 * @param {File} file
 * @param {(share: number) => void} onProgress
 * @returns {Promise<string>} the name it has there
 */
export async function upload(kind, file, onProgress) {
  if (file.size > MAX_UPLOAD_BYTES) throw new Error("the file is larger than 200 MiB; split it.");
  return new Promise((resolve, reject) => {
    const transfer = new XMLHttpRequest();
    transfer.open("PUT", `/api/uploads/${kind}/${encodeURIComponent(file.name)}`);
    transfer.setRequestHeader("content-type", "application/octet-stream");
    transfer.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    transfer.onerror = () => reject(new Error("the server cannot be reached."));
    transfer.onload = () => {
      if (transfer.status === 201) resolve(file.name);
      else reject(new ApiError(transfer.status, textOf(transfer)));
    };
    transfer.send(file);
  });
}

/** @param {XMLHttpRequest} transfer */
function textOf({ status, responseText }) {
  try {
    return JSON.parse(responseText).error.message;
  } catch {
    return `the server answered with ${status}.`;
  }
}

import { getJson, postJson, upload } from "./api.js";
import { DocumentList } from "./document-list.js";
import { counted, h, messageOf, notify, press } from "./dom.js";
import { JobFollower } from "./job-follower.js";

/** How long after an ingest its refusals are shown, in milliseconds. */
const REFUSALS_SHOWN_MS = 24 * 3_600_000;
/** Begins the source of every upload. */
const UPLOAD_ORIGIN = "upload:";

/** @typedef {{ state: HTMLElement, progress: HTMLProgressElement, item: HTMLElement }} Row */

/**
 * Rows of the files that no job tells of: on their way to the server, or refused before a job had them. They outlive a view, as uploads go on
 * when it is left.
 * @type {Map<string, Row>}
 */
const sent = new Map();
/** @type {Documents | undefined} */
let openView;

/**
 * The store's documents, and a place to drop more.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export function documentsView(main, signal) {
  const view = new Documents(main, signal);
  openView = view;
  signal.addEventListener("abort", () => {
    openView = undefined;
  });
  view.open();
}

class Documents {
  /** @param {HTMLElement} main @param {AbortSignal} signal */
  constructor(main, signal) {
    this.signal = signal;
    this.follower = new JobFollower(signal);
    this.list = new DocumentList(signal);
    /** @type {Map<string, Row>} */
    this.rows = new Map(sent);
    /** Jobs, by id. @type {Set<string>} */
    this.followed = new Set();
    this.uploads = h(
      "ul",
      { class: "uploads", "aria-live": "polite", "aria-label": "Uploads", tabindex: -1 },
      ...[...sent.values()].map(({ item }) => item),
    );
    main.append(
      h("header", { class: "page-head" }, h("h1", {}, "Documents"), this.list.count),
      this.dropZone(),
      this.uploads,
      this.list.element,
    );
  }

  open() {
    void this.list.refresh();
    void this.showJobs();
  }

  dropZone() {
    const input = h("input", { type: "file", multiple: true, id: "files", class: "hidden-input" });
    input.addEventListener("change", () => {
      void this.add([...(input.files ?? [])]);
      input.value = "";
    });
    const zone = h(
      "div",
      { class: "drop" },
      input,
      h(
        "label",
        { for: "files" },
        h("strong", {}, "Drop files here"),
        " or ",
        h("span", { class: "link" }, "choose them"),
      ),
      h(
        "p",
        { class: "faint" },
        "PDF, Word, EPUB, HTML, Markdown, text and more. They stay on this machine.",
      ),
    );
    for (const name of ["dragenter", "dragover"]) {
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) {
      zone.addEventListener(name, () => zone.classList.remove("over"));
    }
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      void this.add([...(event.dataTransfer?.files ?? [])]);
    });
    return zone;
  }

  /** Uploads one by one, then has all of them read. @param {File[]} files */
  async add(files) {
    const names = [];
    for (const file of files) this.begin(file.name);
    for (const file of files) {
      const { state, progress } = this.row(file.name);
      try {
        state.textContent = "uploading";
        names.push(
          await upload("documents", file, (share) => {
            progress.value = share / 2;
          }),
        );
        state.textContent = "waiting to be read";
      } catch (thrown) {
        this.end(file.name, messageOf(thrown), true);
      }
    }
    if (names.length === 0) return;
    try {
      const job = await postJson("/api/jobs", { kind: "ingest", files: names });
      for (const name of names) sent.delete(name);
      void openView?.follow(job);
    } catch (thrown) {
      for (const name of names) this.end(name, messageOf(thrown), true);
    }
  }

  /** Shows a file as one that is yet to be sent. @param {string} name */
  begin(name) {
    const row = this.row(name);
    row.state.textContent = "waiting";
    row.progress.value = 0;
    row.item.className = "";
    sent.set(name, row);
  }

  /** After a reload: what is still being read, and what was stopped or, in the last day, refused and not uploaded again since. */
  async showJobs() {
    try {
      const { jobs } = await getJson("/api/jobs", this.signal);
      const ingests = jobs.filter((/** @type {any} */ job) => job.request.kind === "ingest");
      const later = new Set();
      const open = [];
      for (const job of ingests) {
        if (job.state === "waiting" || job.state === "running") open.unshift(job);
        const isReplaced = job.request.files.every((/** @type {string} */ name) => later.has(name));
        if (job.state === "stopped" && !isReplaced) this.showStopped(job);
        this.showRefused(job, later);
        for (const name of job.request.files) later.add(name);
      }
      // Of one that waits the list names few files.
      for (const { id } of open) void this.follow(await getJson(`/api/jobs/${id}`, this.signal));
    } catch (thrown) {
      if (!this.signal.aborted) notify(messageOf(thrown));
    }
  }

  /** @param {any} job @param {Set<string>} later files that were uploaded again */
  showRefused({ endedAt, state, error, request: { files }, refused }, later) {
    if (endedAt === null || Date.now() - Date.parse(endedAt) > REFUSALS_SHOWN_MS) return;
    const reasons =
      state === "failed"
        ? new Map(files.map((/** @type {string} */ name) => [name, error]))
        : refusalsOf(refused, files);
    for (const [name, reason] of reasons) {
      if (!later.has(name) && !sent.has(name)) this.end(name, reason, true);
    }
  }

  /** One line for all files of a stopped job, which goes on as a whole. @param {any} job a list of jobs names its first files, and counts them */
  showStopped({ id, request: { files }, fileCount = files.length }) {
    const others = fileCount > 1 ? ` and ${counted(fileCount - 1, "other")}` : "";
    const goOn = async () => {
      const job = await postJson(`/api/jobs/${id}/resume`);
      const hasKeyboard = item.contains(document.activeElement);
      item.remove();
      if (hasKeyboard) this.focusUploads();
      void this.follow(job);
    };
    const button = h("button", { type: "button", onclick: () => press(button, goOn) }, "Go on");
    const item = h(
      "li",
      { class: "stopped" },
      h("span", { class: "upload-name" }, `${files[0]}${others}`),
      h("span", { class: "upload-state" }, "stopped"),
      button,
    );
    this.uploads.append(item);
  }

  /** The keyboard goes on with the next stopped line, or with the list where there is none. */
  focusUploads() {
    const button = this.uploads.querySelector("button");
    (button ?? this.uploads).focus();
  }

  /** @param {any} job may be told of twice: by the list of jobs, and by what has created it */
  async follow({ id, request }) {
    if (this.followed.has(id)) return;
    this.followed.add(id);
    const say = (/** @type {string} */ text) => {
      for (const name of request.files) this.row(name).state.textContent = text;
    };
    let isCutOff = false;
    const onCutOff = () => {
      isCutOff = true;
      say("the server cannot be reached just now; trying again");
    };
    const onEvent = (/** @type {any} */ event) => {
      if (isCutOff) say("waiting to be read");
      isCutOff = false;
      if (event.event === "loading") say("reading");
      if (event.event === "file") this.showProgress(event, request.files);
    };
    say("waiting to be read");
    try {
      const following = this.follower.follow(id, { onEvent, onCutOff });
      await this.showResult(await following.finally(() => this.followed.delete(id)));
    } catch (thrown) {
      if (!this.signal.aborted) notify(messageOf(thrown));
    }
  }

  /** @param {{ source: string, done: number, total: number }} event @param {string[]} files */
  showProgress({ source, done, total }, files) {
    const row = this.row(fileOf(source, files));
    row.progress.value = 0.5 + done / total / 2;
    row.state.textContent = done < total ? "read" : "storing";
  }

  /** @param {any} job */
  async showResult(job) {
    const { request, result, state, error } = job;
    const failed = refusalsOf(result?.documents.failed ?? [], request.files);
    for (const name of request.files) {
      const refusal = failed.get(name);
      if (state === "stopped") this.forget(name);
      else if (state === "failed") this.end(name, error, true);
      else if (refusal !== undefined) this.end(name, refusal, true);
      else this.end(name, "ready", false);
    }
    if (state === "stopped") this.showStopped(job);
    await this.list.refresh();
  }

  /** @param {string} name */
  forget(name) {
    this.rows.get(name)?.item.remove();
    this.rows.delete(name);
  }

  /** @param {string} name */
  row(name) {
    const known = this.rows.get(name);
    if (known) return known;
    const state = h("span", { class: "upload-state" }, "waiting");
    const progress = h("progress", { max: 1, value: 0, "aria-label": `Progress of ${name}` });
    const item = h("li", {}, h("span", { class: "upload-name" }, name), progress, state);
    this.uploads.append(item);
    const row = { state, progress, item };
    this.rows.set(name, row);
    return row;
  }

  /** @param {string} name @param {string} text @param {boolean} isProblem */
  end(name, text, isProblem) {
    const { state, progress, item } = this.row(name);
    state.textContent = text;
    progress.value = 1;
    item.className = isProblem ? "refused" : "ready";
  }
}

/** Reasons by file. @param {{ source: string, reason: string }[]} refused @param {string[]} files */
function refusalsOf(refused, files) {
  return new Map(refused.map(({ source, reason }) => [fileOf(source, files), reason]));
}

/**
 * The uploaded file that a source, or a line of it, belongs to.
 * @param {string} source
 * @param {string[]} files
 * @returns {string}
 */
function fileOf(source, files) {
  const own = source.startsWith(UPLOAD_ORIGIN) ? source.slice(UPLOAD_ORIGIN.length) : source;
  if (files.includes(own)) return own;
  const isLineOf = (/** @type {string} */ name) => /^[#:]/.test(own.slice(name.length));
  return files.find((name) => own.startsWith(name) && isLineOf(name)) ?? own;
}

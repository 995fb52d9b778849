import { getJson, jobEvents, postJson, remove, upload } from "./api.js";
import { counted, h, messageOf, notify } from "./dom.js";
import { openReader } from "./reader.js";

const MAX_SHOWN = 500;
/** Begins the source of every upload. */
const UPLOAD_ORIGIN = "upload:";

/**
 * The store's documents, and a place to drop more.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export function documentsView(main, signal) {
  new Documents(main, signal).open();
}

class Documents {
  /** @param {HTMLElement} main @param {AbortSignal} signal */
  constructor(main, signal) {
    this.signal = signal;
    this.uploads = h("ul", { class: "uploads", "aria-live": "polite" });
    this.list = h("div", { class: "document-list" });
    this.count = h("p", { class: "faint" });
    /** @type {Map<string, { state: HTMLElement, progress: HTMLProgressElement, item: HTMLElement }>} */
    this.rows = new Map();
    main.append(
      h("header", { class: "page-head" }, h("h1", {}, "Documents"), this.count),
      this.dropZone(),
      this.uploads,
      this.list,
    );
  }

  open() {
    void this.refresh();
    void this.followRunning();
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
    for (const file of files) this.row(file.name);
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
      await this.follow(job);
    } catch (thrown) {
      if (!this.signal.aborted) notify(messageOf(thrown));
    }
  }

  /** After a reload: what is still being read. */
  async followRunning() {
    try {
      const { jobs } = await getJson("/api/jobs");
      for (const job of jobs.reverse()) {
        const isOpen = job.state === "waiting" || job.state === "running";
        if (job.request.kind === "ingest" && isOpen) await this.follow(job);
      }
    } catch (thrown) {
      if (!this.signal.aborted) notify(messageOf(thrown));
    }
  }

  /** @param {any} job */
  async follow({ id, request }) {
    for (const name of request.files) this.row(name).state.textContent = "waiting to be read";
    for await (const event of jobEvents(id, this.signal)) {
      if (event.event === "loading") {
        for (const name of request.files) this.row(name).state.textContent = "reading";
      }
      if (event.event !== "file") continue;
      const row = this.row(fileOf(event.source, request.files));
      row.progress.value = 0.5 + event.done / event.total / 2;
      row.state.textContent = event.done < event.total ? "read" : "storing";
    }
    await this.showResult(await getJson(`/api/jobs/${id}`));
  }

  /** @param {any} job */
  async showResult({ request, result, state, error }) {
    const failed = new Map();
    for (const { source, reason } of result?.documents.failed ?? []) {
      failed.set(fileOf(source, request.files), reason);
    }
    for (const name of request.files) {
      if (state === "failed") this.end(name, error, true);
      else if (state === "stopped") this.end(name, "stopped", true);
      else if (failed.has(name)) this.end(name, failed.get(name), true);
      else this.end(name, "ready", false);
    }
    await this.refresh();
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

  async refresh() {
    try {
      const [{ documents }, status] = await Promise.all([
        getJson(`/api/documents?limit=${MAX_SHOWN}`),
        getJson("/api/status"),
      ]);
      this.count.textContent = `${counted(status.documents, "document")}, ${counted(status.passages, "passage")}`;
      this.list.replaceChildren(this.table(documents, status.documents));
    } catch (thrown) {
      this.list.replaceChildren(h("p", { class: "problem", role: "alert" }, messageOf(thrown)));
    }
  }

  /** @param {any[]} documents @param {number} total */
  table(documents, total) {
    if (documents.length === 0) return h("p", { class: "faint" }, "Nothing here yet.");
    const rows = documents.map((document_) => {
      const open = () => void openReader(document_);
      return h(
        "tr",
        {},
        h(
          "td",
          {},
          h(
            "button",
            { type: "button", class: "link", onclick: open },
            document_.title || document_.source,
          ),
        ),
        h("td", { class: "faint" }, document_.source),
        h("td", { class: "faint" }, document_.format),
        h(
          "td",
          {},
          h(
            "button",
            {
              type: "button",
              class: "quiet",
              "aria-label": `Remove ${document_.title}`,
              onclick: () => this.remove(document_),
            },
            "Remove",
          ),
        ),
      );
    });
    const head = ["Title", "File", "Format", ""].map((name) =>
      h("th", { scope: "col" }, name || h("span", { class: "unseen" }, "Actions")),
    );
    return h(
      "div",
      {},
      h(
        "table",
        { class: "listing" },
        h("thead", {}, h("tr", {}, ...head)),
        h("tbody", {}, ...rows),
      ),
      total > documents.length
        ? h("p", { class: "faint" }, `The first ${documents.length} of ${total}.`)
        : null,
    );
  }

  /** @param {{ id: string, title: string }} document_ */
  async remove({ id, title }) {
    if (!confirm(`Remove "${title}" from the store?`)) return;
    try {
      await remove(`/api/documents?id=${encodeURIComponent(id)}`);
      await this.refresh();
    } catch (thrown) {
      notify(messageOf(thrown));
    }
  }
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

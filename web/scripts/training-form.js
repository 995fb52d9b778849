import { getJson, postJson, upload } from "./api.js";
import { h, messageOf, notify } from "./dom.js";
import { METHODS } from "./methods.js";

const ENCODERS = [
  ["mlp", "Two layers (MLP)"],
  ["lstm", "Recurrent (LSTM)"],
  ["embedding", "None"],
];

/** What to train on and how; asks the server for the job. */
export class TrainingForm {
  /** @param {(job: any) => void} onStarted */
  constructor(onStarted) {
    this.onStarted = onStarted;
    this.file = h("select", { id: "qa-file", required: true });
    this.method = select(
      "method",
      Object.entries(METHODS).map(([value, { label }]) => [value, label]),
    );
    /** @type {Record<string, HTMLElement>} */
    this.methodFields = {
      tokens: field("Virtual tokens", number("tokens", { value: 16, min: 1, max: 512 })),
      encoder: field("Encoder", select("encoder", ENCODERS)),
      rank: field("Rank", number("rank", { value: 16, min: 1, max: 1024 })),
    };
    this.method.addEventListener("change", () => this.showMethodFields());
    this.element = h(
      "form",
      {
        class: "panel form",
        onsubmit: (/** @type {SubmitEvent} */ event) => void this.start(event),
      },
      this.fileField(),
      field("Name", nameInput()),
      field("Method", this.method, "field long"),
      ...Object.values(this.methodFields),
      field("Epochs", number("epochs", { value: 4, min: 1, max: 100 })),
      field("Questions kept out", number("testQuestions", { value: 24, min: 0, max: 200 })),
      moreFields(),
      h("button", { type: "submit", class: "primary" }, "Start training"),
    );
    this.showMethodFields();
  }

  /** @param {string} [chosen] */
  async fillFiles(chosen) {
    const { files } = await getJson("/api/uploads/questions");
    const options = files.map((/** @type {any} */ { name }) => h("option", { value: name }, name));
    this.file.replaceChildren(h("option", { value: "" }, "choose or add a file"), ...options);
    if (chosen) this.file.value = chosen;
  }

  fileField() {
    const add = h("input", {
      type: "file",
      id: "qa-upload",
      class: "hidden-input",
      accept: ".jsonl,.json,.gz",
    });
    add.addEventListener("change", () => {
      const [file] = add.files ?? [];
      if (file) void this.addFile(file);
      add.value = "";
    });
    return h(
      "div",
      { class: "field wide" },
      h("label", { for: "qa-file" }, "Questions and answers"),
      h(
        "div",
        { class: "beside-button" },
        this.file,
        add,
        h("label", { for: "qa-upload", class: "button" }, "Add file"),
      ),
      h("small", {}, 'Lines of {"id", "question", "answers"}, SQuAD or FlashRAG.'),
    );
  }

  /** Only the chosen method's fields are shown, and sent. */
  showMethodFields() {
    const { fields } = METHODS[/** @type {keyof typeof METHODS} */ (this.method.value)];
    for (const [name, element] of Object.entries(this.methodFields)) {
      const isUsed = /** @type {string[]} */ (fields).includes(name);
      element.hidden = !isUsed;
      for (const control of element.querySelectorAll("input, select")) {
        control.toggleAttribute("disabled", !isUsed);
      }
    }
  }

  /** @param {File} file */
  async addFile(file) {
    try {
      await this.fillFiles(await upload("questions", file, () => {}));
    } catch (thrown) {
      notify(messageOf(thrown));
    }
  }

  /** @param {SubmitEvent} event */
  async start(event) {
    event.preventDefault();
    const data = new FormData(this.element);
    const testQuestions = Number(data.get("testQuestions"));
    data.delete("testQuestions");
    try {
      const job = await postJson("/api/jobs", {
        kind: "tune",
        questions: this.file.value,
        testQuestions,
        settings: settingsOf(data),
      });
      this.onStarted(job);
    } catch (thrown) {
      notify(messageOf(thrown));
    }
  }
}

/** Numbers as numbers; what was left empty is the server's choice. @param {FormData} data */
function settingsOf(data) {
  const texts = new Set(["name", "method", "encoder"]);
  const filled = [...data].filter(([, value]) => value !== "");
  return Object.fromEntries(
    filled.map(([name, value]) => [name, texts.has(name) ? String(value) : Number(value)]),
  );
}

function moreFields() {
  return h(
    "details",
    { class: "field wide" },
    h("summary", {}, "More settings"),
    h(
      "div",
      { class: "form" },
      field(
        "Learning rate",
        h("input", {
          type: "number",
          name: "learningRate",
          min: 0,
          max: 10,
          step: "any",
          placeholder: "the method's own",
        }),
      ),
      field("Passages per question", number("passages", { value: 1, min: 1, max: 20 })),
      field("Examples per step", number("batch", { value: 8, min: 1, max: 256 })),
      field("Seed", number("seed", { value: 1, min: 0, max: 2 ** 31 })),
    ),
  );
}

/** @param {string} label @param {HTMLElement} control @param {string} [className] */
const field = (label, control, className = "field") =>
  h("label", { class: className }, h("span", {}, label), control);

/** @param {string} name @param {{ value: number, min: number, max: number }} range */
const number = (name, range) => h("input", { type: "number", name, required: true, ...range });

/** @param {string} name @param {readonly (readonly string[])[]} options */
const select = (name, options) =>
  h("select", { name }, ...options.map(([value, text]) => h("option", { value }, text ?? "")));

const nameInput = () =>
  h("input", {
    name: "name",
    value: "mine",
    required: true,
    pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*",
    maxlength: 64,
  });

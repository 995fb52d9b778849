import { getJson, postJson, upload } from "./api.js";
import { h, messageOf, notify, press } from "./dom.js";
import { METHODS } from "./methods.js";

const ENCODERS = [
  ["mlp", "Two layers (MLP)"],
  ["lstm", "Recurrent (LSTM)"],
  ["embedding", "None"],
];

/** What to train on and how; asks the server for the job. */
export class TrainingForm {
  /** @param {(job: any) => void} onStarted */
  static async open(onStarted) {
    return new TrainingForm(await getJson("/api/tune-request"), onStarted);
  }

  /**
   * @param {any} request JSON Schema of what the server can be asked: defaults and ranges
   * @param {(job: any) => void} onStarted
   */
  constructor({ properties: { testQuestions, settings } }, onStarted) {
    this.onStarted = onStarted;
    const number = (/** @type {string} */ name) => numberInput(name, settings.properties[name]);
    this.file = h("select", { id: "qa-file", required: true });
    this.method = select(
      "method",
      Object.entries(METHODS).map(([value, { label }]) => [value, label]),
    );
    /** @type {Record<string, HTMLElement>} */
    this.methodFields = {
      tokens: field("Virtual tokens", number("tokens")),
      encoder: field("Encoder", select("encoder", ENCODERS)),
      rank: field("Rank", number("rank")),
    };
    this.method.addEventListener("change", () => this.showMethodFields());
    this.submit = h("button", { type: "submit", class: "primary" }, "Start training");
    this.element = h(
      "form",
      {
        class: "panel form",
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          void press(this.submit, () => this.start());
        },
      },
      this.fileField(),
      field("Name", nameInput()),
      field("Method", this.method, "field long"),
      ...Object.values(this.methodFields),
      field("Epochs", number("epochs")),
      field("Questions kept out", numberInput("testQuestions", testQuestions)),
      moreFields(
        field("Passages per question", number("passages")),
        field("Examples per step", number("batch")),
        field("Seed", number("seed")),
      ),
      this.submit,
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
      h(
        "small",
        {},
        'Lines of {"id", "question", "answers"} or {"input", "output"}, SQuAD or FlashRAG.',
      ),
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

  async start() {
    const data = new FormData(this.element);
    const testQuestions = Number(data.get("testQuestions"));
    data.delete("testQuestions");
    const job = await postJson("/api/jobs", {
      kind: "tune",
      questions: this.file.value,
      testQuestions,
      settings: settingsOf(data),
    });
    this.onStarted(job);
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

/** @param {HTMLElement[]} numbers */
function moreFields(...numbers) {
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
      ...numbers,
    ),
  );
}

/** @param {string} label @param {HTMLElement} control @param {string} [className] */
const field = (label, control, className = "field") =>
  h("label", { class: className }, h("span", {}, label), control);

/** @param {string} name @param {{ default: number, minimum: number, maximum: number }} range */
const numberInput = (name, { default: value, minimum: min, maximum: max }) =>
  h("input", { type: "number", name, required: true, value, min, max });

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

import cliProgress from "cli-progress";
import { plainText } from "./plain-text.ts";

/** The part of a stream that is written to, and whether a person looks at it. */
export interface OutputStream {
  write(text: string): boolean;
  readonly isTTY?: boolean | undefined;
}

export interface TerminalOptions {
  readonly stdout: OutputStream;
  readonly stderr: NodeJS.WriteStream;
  readonly json: boolean;
  readonly quiet: boolean;
  /** False with NO_COLOR. */
  readonly color: boolean;
}

/** A bar, or nothing where nobody would see it. */
export interface Progress {
  update(done: number, total: number, label?: string): void;
  end(): void;
}

const NO_PROGRESS: Progress = { update: () => {}, end: () => {} };

/** The codes that are painted with, and the end of each; see {@link Terminal.paint}. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it begins every colour.
const OWN_COLOURS = /(\u001b\[(?:0|1|2|31|33)m)/;

/**
 * Results go to stdout, everything about the way there to stderr; bars only on a terminal. Text for people is plain but for our own
 * colours, wherever it came from.
 */
export class Terminal {
  readonly isJson: boolean;
  readonly #options: TerminalOptions;
  #hasLiveLine = false;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.isJson = options.json;
  }

  /** The result: one JSON object with --json, else text for people. */
  result(value: object, text: () => string): void {
    this.clearLive();
    this.#options.stdout.write(`${this.isJson ? JSON.stringify(value) : this.#shown(text())}\n`);
  }

  /** A line on stdout that programs rely on, with or without --json. */
  line(text: string): void {
    this.clearLive();
    this.#options.stdout.write(`${plainText(text)}\n`);
  }

  /** One line of NDJSON, with --json only. */
  event(value: object): void {
    if (this.isJson) this.#options.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Text as it comes, without a line end; not with --json. */
  partial(text: string): void {
    if (!this.isJson) this.#options.stdout.write(plainText(text));
  }

  /** A line on stderr; silent with --quiet. */
  note(text: string): void {
    if (this.#options.quiet) return;
    this.clearLive();
    this.#options.stderr.write(`${plainText(text)}\n`);
  }

  /** A line on stderr that matters also with --quiet. */
  warn(text: string): void {
    this.clearLive();
    this.#options.stderr.write(`${this.paint("33", "warning:")} ${plainText(text)}\n`);
  }

  /** A line that the next one replaces; on a terminal only. */
  live(text: string): void {
    if (!this.isLive) return;
    const { stderr } = this.#options;
    const shown = plainText(text).slice(0, Math.max(20, (stderr.columns ?? 80) - 1));
    stderr.write(`\r\u001b[2K${shown}`);
    this.#hasLiveLine = true;
  }

  clearLive(): void {
    if (!this.#hasLiveLine) return;
    this.#options.stderr.write("\r\u001b[2K");
    this.#hasLiveLine = false;
  }

  /** Whether live lines and bars are shown. */
  get isLive(): boolean {
    return this.#options.stderr.isTTY === true && !this.#options.quiet;
  }

  /** A progress bar on stderr. `unit`: what is counted. */
  progress(unit: string): Progress {
    if (!this.isLive) return NO_PROGRESS;
    this.clearLive();
    const bar = new cliProgress.SingleBar({
      stream: this.#options.stderr,
      format: `{bar} {percentage}% {value}/{total} ${unit} {label}`,
      barsize: 24,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
    });
    let isStarted = false;
    return {
      update: (done, total, label = "") => {
        if (!isStarted) bar.start(total, done, { label });
        isStarted = true;
        bar.setTotal(total);
        bar.update(done, { label: plainText(label).slice(-30) });
      },
      end: () => {
        if (isStarted) bar.stop();
      },
    };
  }

  /** Text with an SGR code ("1" bold, "2" faint, "31" red, "33" yellow), where stdout is a terminal that shows it. */
  paint(code: "1" | "2" | "31" | "33", text: string): string {
    const plain = plainText(text);
    return this.#isColored ? `\u001b[${code}m${plain}\u001b[0m` : plain;
  }

  get #isColored(): boolean {
    const { color, stdout, json } = this.#options;
    return color && !json && stdout.isTTY === true;
  }

  #shown(text: string): string {
    if (!this.#isColored) return plainText(text);
    // split() alternates text and what it was split at.
    const parts = text.split(OWN_COLOURS);
    return parts.map((part, index) => (index % 2 === 1 ? part : plainText(part))).join("");
  }
}

/** Rows as aligned columns; all but the first column to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

import { setMaxListeners } from "node:events";
import { RagError } from "../../core/index.ts";

export type ServerPhase = "loading" | "ready" | "draining";

const REASONS: Readonly<Record<Exclude<ServerPhase, "ready">, string>> = {
  loading: "the server is loading its models; try again in a moment.",
  draining: "the server is shutting down; try again later.",
};

/**
 * Whether the server can answer: not before its models are loaded, and not while it shuts down. An engine whose thread dies replaces it
 * by itself; requests wait for the new one.
 */
export class ServerState {
  #phase: ServerPhase = "loading";
  readonly #draining = new AbortController();
  readonly #cut = new AbortController();

  constructor() {
    // Every request in flight listens.
    setMaxListeners(0, this.#draining.signal, this.#cut.signal);
  }

  get phase(): ServerPhase {
    return this.#phase;
  }

  /** Aborted with a RagError when the server begins to shut down: what has no end of its own ends then. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  /** Aborted with a RagError when answers still in flight must end. */
  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  becomeReady(): void {
    if (this.#phase !== "draining") this.#phase = "ready";
  }

  beginDraining(): void {
    this.#phase = "draining";
    this.#draining.abort(new RagError("server/unavailable", REASONS.draining));
  }

  /** Ends what is still in flight; streams are told. */
  cutAnswers(): void {
    this.#cut.abort(new RagError("server/unavailable", REASONS.draining));
  }

  /** @throws RagError server/unavailable unless ready */
  requireReady(): void {
    if (this.#phase !== "ready") {
      throw new RagError("server/unavailable", REASONS[this.#phase]);
    }
  }
}

import { RagError } from "../../core/index.ts";

/** Whether the server can answer: not before its models are loaded, and not while it shuts down. */
export class ServerState {
  #phase: "loading" | "ready" | "draining" = "loading";

  get phase(): "loading" | "ready" | "draining" {
    return this.#phase;
  }

  becomeReady(): void {
    if (this.#phase === "loading") this.#phase = "ready";
  }

  beginDraining(): void {
    this.#phase = "draining";
  }

  /** @throws RagError server/unavailable unless ready */
  requireReady(): void {
    if (this.#phase === "ready") return;
    throw new RagError(
      "server/unavailable",
      this.#phase === "loading"
        ? "the server is loading its models; try again in a moment."
        : "the server is shutting down; try again later.",
    );
  }
}

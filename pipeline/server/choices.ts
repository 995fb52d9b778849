import type { Response } from "express";
import type { ScoredToken, TextPiece, Usage } from "../answerer.ts";
import { countedPieces } from "./counted-pieces.ts";
import { EventStream, streamOrThrow } from "./event-stream.ts";
import { fewAtOnce } from "./few-at-once.ts";
import type { StageTimes } from "./metrics.ts";
import type { RequestLifetime } from "./request-lifetime.ts";
import { inLifetime, type ServerParts, withTurn } from "./server-parts.ts";

/** Choices of one request that are generated at once: the engine takes what comes first, and others want to get in between. */
const CHOICES_AT_ONCE = 4;

type Summed = { readonly usage: Usage; readonly timings: StageTimes };
type Pieces<Whole> = AsyncGenerator<TextPiece, Whole>;

/** What came of one choice, and the tokens that were scored on the way. */
export interface Choice<Whole> {
  readonly whole: Whole;
  readonly tokens: readonly ScoredToken[];
}

/** How a kind of response is generated and written. */
export interface ChoicesFormat<Whole> {
  readonly count: number;
  readonly isStream: boolean;
  /** Generates the choice with this index. */
  pieces(index: number, signal: AbortSignal): Pieces<Whole>;
  /** The response that is not streamed. */
  body(choices: readonly Choice<Whole>[]): object;
  /** Streams the choice with this index to its end. */
  stream(
    index: number,
    pieces: Pieces<Whole>,
    send: (chunk: object) => Promise<void>,
  ): Promise<Whole>;
  /** The chunk after all choices, where one is wanted. */
  lastChunk(wholes: readonly Whole[]): object | undefined;
}

/**
 * Generates the choices of a request when its turn comes, a few at once, and sends them whole or streamed. `format`: is asked for before the
 * request waits for its turn.
 * @throws RagError as {@link inLifetime} and {@link withTurn}
 */
export async function sendChoices<Whole extends Summed>(
  parts: ServerParts,
  response: Response,
  format: () => Promise<ChoicesFormat<Whole>>,
): Promise<void> {
  const started = performance.now();
  await inLifetime(parts, response, async (lifetime) => {
    const request = { response, lifetime, format: await format(), started };
    await withTurn(parts, parts.queue, request, () => generateAll(parts, request));
  });
}

/** `started`: of the request, in milliseconds. */
async function generateAll<Whole extends Summed>(
  parts: ServerParts,
  request: {
    readonly response: Response;
    readonly lifetime: RequestLifetime;
    readonly format: ChoicesFormat<Whole>;
    readonly started: number;
  },
): Promise<void> {
  const { response, lifetime, format, started } = request;
  let hasPiece = false;
  const onPiece = () => {
    if (!hasPiece) parts.metrics.firstToken(performance.now() - started);
    hasPiece = true;
  };
  const pieces = (index: number) =>
    countedPieces(format.pieces(index, lifetime.signal), parts.metrics, onPiece);
  const forEach = <Result>(work: (index: number) => Promise<Result>) =>
    fewAtOnce(format.count, CHOICES_AT_ONCE, work);
  if (!format.isStream) {
    response.json(format.body(await forEach((index) => collect(pieces(index)))));
    return;
  }
  const stream = new EventStream(response);
  await streamOrThrow({ stream, lifetime, log: parts.log }, async () => {
    const send = (chunk: object | "[DONE]") => stream.send(chunk, lifetime.signal);
    const wholes = await forEach((index) => format.stream(index, pieces(index), send));
    const last = format.lastChunk(wholes);
    if (last) await send(last);
    await send("[DONE]");
  });
}

async function collect<Whole>(pieces: Pieces<Whole>): Promise<Choice<Whole>> {
  const tokens: ScoredToken[] = [];
  let next = await pieces.next();
  for (; !next.done; next = await pieces.next()) tokens.push(...next.value.tokens);
  return { whole: next.value, tokens };
}

import type { GgufCursor } from "./gguf-cursor.ts";
import { invalid, quote } from "./weight-file.ts";

const MAX_KEY_BYTES = 65_535;
/** Room for the longest chat templates. */
const MAX_STRING_BYTES = 16 * 1024 * 1024;
/**
 * Of all arrays of a header together: each item becomes a value of some bytes. Vocabularies reach 300,000 tokens, each with a score, a type and
 * up to two merges.
 */
const MAX_ITEMS = 4_000_000;
const MAX_NESTING = 4;
/** A pair takes at least 8 bytes of key length, 4 of type and 1 of value. */
const MIN_PAIR_BYTES = 13;
const ARRAY = 9;

/** How many items the arrays that follow may have. */
interface Room {
  items: number;
}

type Reader = (cursor: GgufCursor, field: string, room: Room) => unknown;

/** Value types by number: how to read one, and the fewest bytes it takes. */
const VALUE_TYPES: readonly (readonly [Reader, number])[] = [
  [(cursor, field) => cursor.u8(field), 1],
  [(cursor, field) => cursor.i8(field), 1],
  [(cursor, field) => cursor.u16(field), 2],
  [(cursor, field) => cursor.i16(field), 2],
  [(cursor, field) => cursor.u32(field), 4],
  [(cursor, field) => cursor.i32(field), 4],
  [(cursor, field) => cursor.f32(field), 4],
  [(cursor, field) => cursor.u8(field) !== 0, 1],
  [(cursor, field) => cursor.string(field, MAX_STRING_BYTES), 8],
  [(cursor, field, room) => readArray(cursor, field, room, 1), 12],
  [(cursor, field) => exactNumber(cursor.u64(field)), 8],
  [(cursor, field) => exactNumber(cursor.i64(field)), 8],
  [(cursor, field) => cursor.f64(field), 8],
];

/**
 * Reads `pairs` key-value pairs.
 * @throws RagError model/invalid for an impossible count, an unknown value type, a repeated key, a truncated file
 */
export function readGgufMetadata(cursor: GgufCursor, pairs: number): Record<string, unknown> {
  const metadata = new Map<string, unknown>();
  const room = { items: MAX_ITEMS };
  for (let i = 0; i < pairs; i++) {
    const key = cursor.string(`metadata key ${i}`, MAX_KEY_BYTES);
    const field = `metadata ${quote(key)}`;
    if (metadata.has(key)) throw invalid(cursor.file.name, field, "one value", "two");
    const [read] = valueType(cursor, field);
    metadata.set(key, read(cursor, field, room));
  }
  return Object.fromEntries(metadata);
}

/** The most pairs that can follow. */
export function mostPairs(cursor: GgufCursor): number {
  return Math.min(65_535, Math.floor(cursor.remaining / MIN_PAIR_BYTES));
}

function readArray(cursor: GgufCursor, field: string, room: Room, depth: number): unknown[] {
  const type = cursor.u32(`${field}, item type`);
  const entry = VALUE_TYPES[type];
  if (entry === undefined || depth > MAX_NESTING) {
    const expected = `a value type from 0 to 12, nested at most ${MAX_NESTING} deep`;
    throw invalid(cursor.file.name, `${field}, item type`, expected, type);
  }
  const [read, bytes] = entry;
  const most = Math.min(room.items, Math.floor((cursor.remaining - 8) / bytes));
  const count = cursor.count(`${field}, item count`, most);
  room.items -= count;
  const items: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const isArray = type === ARRAY;
    items.push(isArray ? readArray(cursor, field, room, depth + 1) : read(cursor, field, room));
  }
  return items;
}

function valueType(cursor: GgufCursor, field: string): readonly [Reader, number] {
  const type = cursor.u32(`${field}, type`);
  const entry = VALUE_TYPES[type];
  if (entry !== undefined) return entry;
  throw invalid(cursor.file.name, `${field}, type`, "a value type from 0 to 12", type);
}

function exactNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

import type { RandomAccessFile } from "./random-access.ts";
import { invalid } from "./weight-file.ts";

/** Metadata and tensor list of the largest models stay far below; a file cannot make us read more than this. */
const MAX_HEADER_BYTES = 256 * 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads little-endian values one after another, through a window of one megabyte. */
export class GgufCursor {
  readonly file: RandomAccessFile;
  readonly #end: number;
  #position = 0;
  #windowStart = 0;
  #window = new Uint8Array(0);

  constructor(file: RandomAccessFile) {
    this.file = file;
    this.#end = Math.min(file.size, MAX_HEADER_BYTES);
  }

  get position(): number {
    return this.#position;
  }

  /** Bytes the header may still take up. */
  get remaining(): number {
    return this.#end - this.#position;
  }

  u8 = (field: string) => this.#take(1, field).getUint8(0);
  i8 = (field: string) => this.#take(1, field).getInt8(0);
  u16 = (field: string) => this.#take(2, field).getUint16(0, true);
  i16 = (field: string) => this.#take(2, field).getInt16(0, true);
  u32 = (field: string) => this.#take(4, field).getUint32(0, true);
  i32 = (field: string) => this.#take(4, field).getInt32(0, true);
  f32 = (field: string) => this.#take(4, field).getFloat32(0, true);
  f64 = (field: string) => this.#take(8, field).getFloat64(0, true);
  u64 = (field: string) => this.#take(8, field).getBigUint64(0, true);
  i64 = (field: string) => this.#take(8, field).getBigInt64(0, true);

  /** A count or size: a u64 of at most `most`. @throws RagError model/invalid */
  count(field: string, most: number): number {
    const value = this.u64(field);
    if (value > BigInt(Math.max(0, most))) {
      throw invalid(this.file.name, field, `at most ${Math.max(0, most)}`, value);
    }
    return Number(value);
  }

  /** A string of at most `mostBytes` bytes; bytes that are no UTF-8 become U+FFFD. */
  string(field: string, mostBytes: number): string {
    const length = this.count(`${field}, length`, Math.min(mostBytes, this.remaining - 8));
    return decoder.decode(this.#take(length, field));
  }

  /** The next `length` bytes. */
  #take(length: number, field: string): DataView {
    if (length > this.remaining) {
      throw invalid(this.file.name, field, `${length} more bytes`, this.remaining);
    }
    let at = this.#position - this.#windowStart;
    if (at + length > this.#window.length) {
      const size = Math.min(Math.max(length, WINDOW_BYTES), this.#end - this.#position);
      this.#window = this.file.read(this.#position, size);
      this.#windowStart = this.#position;
      at = 0;
    }
    this.#position += length;
    return new DataView(this.#window.buffer, at, length);
  }
}

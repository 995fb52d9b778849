import type { FileHandle } from "node:fs/promises";

/** Node ends the process, or the system refuses, when one call is asked for 2 GiB or more. */
const CALL_BYTES = 2 ** 30;

/**
 * Writes bytes at the place where the file stands, however many there are. `callBytes`: the most that one call is given.
 * @throws what the system says
 */
export async function writeBytes(
  file: FileHandle,
  bytes: Uint8Array,
  callBytes: number = CALL_BYTES,
): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    const length = Math.min(bytes.byteLength - written, callBytes);
    written += (await file.write(bytes, written, length)).bytesWritten;
  }
}

/**
 * Fills `bytes` from `position`, however many there are. Returns how many there were: fewer where the file ends before.
 * `callBytes`: the most that one call is asked for.
 * @throws what the system says
 */
export async function readBytes(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
  callBytes: number = CALL_BYTES,
): Promise<number> {
  let read = 0;
  while (read < bytes.byteLength) {
    const length = Math.min(bytes.byteLength - read, callBytes);
    const { bytesRead } = await file.read(bytes, read, length, position + read);
    if (bytesRead === 0) return read;
    read += bytesRead;
  }
  return read;
}

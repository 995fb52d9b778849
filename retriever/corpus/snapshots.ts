import { z } from "zod";

/** Which index snapshots a store vouches for. */
export interface StoredSnapshots {
  /** sha256 of their manifests, the newest first. */
  readonly manifests: readonly string[];
  /** The store's sequence number when the newest was made; −1 when there is none. */
  readonly sequence: number;
}

const schema = z.object({ manifests: z.array(z.string()), sequence: z.int() });

/** Reads what the store has noted; nothing when it has noted none. */
export function parseSnapshots(text: string | undefined): StoredSnapshots {
  return text === undefined ? { manifests: [], sequence: -1 } : schema.parse(JSON.parse(text));
}

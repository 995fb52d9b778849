import { TextDecoder } from "node:util";

/**
 * TextDecoder as the standard has it. Node 20, and some later versions, decode a whole text of Windows-1252 (which ISO-8859-1 and ASCII are names
 * of as well) as Latin-1: ’ “ ” – — € become control characters. What they decode in parts comes out right.
 * @see Encoding Standard, 4.2 and 9
 */
export class StandardTextDecoder extends TextDecoder {
  override decode(...[input, options]: Parameters<TextDecoder["decode"]>): string {
    if (this.encoding !== "windows-1252" || options?.stream) return super.decode(input, options);
    return super.decode(input, { stream: true }) + super.decode();
  }
}

/**
 * Bytes as text. `label`: a name of an encoding.
 * @throws RangeError for a label that no encoding has
 */
export const decodeBytes = (bytes: Uint8Array, label: string): string =>
  new StandardTextDecoder(label).decode(bytes);

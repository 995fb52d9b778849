import { posix } from "node:path";
import { RagError } from "../../core/index.ts";
import { textInside, walkXml } from "./xml.ts";
import { unzip } from "./zip.ts";

/** First bytes of the old binary Office format, which also wraps encrypted new files. */
const COMPOUND_FILE = [0xd0, 0xcf, 0x11, 0xe0];

export interface Relationship {
  /** The last part of its type: "slide", "worksheet", "notesSlide", … */
  readonly type: string;
  /** Path of the part it leads to, from the top of the package. */
  readonly target: string;
}

/** @throws RagError file/unsupported for the old binary format and for encrypted files */
export function refuseOldOffice(bytes: Uint8Array, extension: string): void {
  if (!COMPOUND_FILE.every((byte, index) => bytes[index] === byte)) return;
  throw new RagError(
    "file/unsupported",
    `is encrypted or in the Office format from before 2007; remove the password and save it as .${extension}.`,
  );
}

/** The parts of an Office Open XML file. @see ECMA-376, part 2 (Open Packaging Conventions) */
export class OfficePackage {
  readonly #parts: ReadonlyMap<string, Uint8Array>;

  /** @throws RagError file/invalid, file/too-large, file/unsupported */
  constructor(bytes: Uint8Array, extension: string) {
    refuseOldOffice(bytes, extension);
    this.#parts = unzip(bytes, (name) => /\.(xml|rels)$/i.test(name));
  }

  part(path: string): Uint8Array | undefined {
    return this.#parts.get(path);
  }

  /** @throws RagError file/invalid when the part is not there */
  require(path: string, kind: string): Uint8Array {
    const part = this.#parts.get(path);
    if (part) return part;
    throw new RagError("file/invalid", `is no ${kind}: it lacks ${path}; check its extension.`);
  }

  /** Relationships of a part by their ids. */
  relationships(path: string): ReadonlyMap<string, Relationship> {
    const folder = posix.dirname(path);
    const found = new Map<string, Relationship>();
    const bytes = this.part(posix.join(folder, "_rels", `${posix.basename(path)}.rels`));
    if (!bytes) return found;
    walkXml(bytes, {
      open: (name, { Id = "", Type = "", Target = "", TargetMode }) => {
        if (name !== "Relationship" || TargetMode === "External") return;
        const target = Target.startsWith("/") ? Target.slice(1) : posix.join(folder, Target);
        found.set(Id, { type: posix.basename(Type), target });
      },
    });
    return found;
  }

  /** The title in the file's properties; "" when it has none. */
  title(): string {
    return textInside(this.part("docProps/core.xml"), "title");
  }
}

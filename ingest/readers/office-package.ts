import { posix } from "node:path";
import { RagError } from "../../core/index.ts";
import { rootName, textInside, walkXml } from "./xml.ts";
import { unzip } from "./zip.ts";

/** First bytes of the old binary Office format, which also wraps encrypted new files. */
const COMPOUND_FILE = [0xd0, 0xcf, 0x11, 0xe0];

export interface Relationship {
  /** The last part of its type: "slide", "worksheet", "notesSlide", … */
  readonly type: string;
  /** Path of the part it leads to, from the top of the package. */
  readonly target: string;
}

export interface OfficePart {
  /** From the top of the package. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What tells a kind of Office file. */
export interface OfficeKind {
  /** As messages call it: "Word document". */
  readonly called: string;
  /** Root element of its main part, without prefix. */
  readonly root: string;
  /** Path of the main part in files that name none. */
  readonly usualPath: string;
}

/** @throws RagError file/unsupported for the old binary format and for encrypted files */
export function refuseOldOffice(bytes: Uint8Array, extension: string): void {
  if (!COMPOUND_FILE.every((byte, index) => bytes[index] === byte)) return;
  throw new RagError(
    "file/unsupported",
    `is encrypted or in the Office format from before 2007; remove the password and save it as .${extension}.`,
  );
}

/** Where the relationships of a part stand. */
export const relationshipsPath = (path: string): string =>
  posix.join(posix.dirname(path), "_rels", `${posix.basename(path)}.rels`);

/** Path that stands for the package itself, where its relationships are looked up. */
const PACKAGE = "";

/** The parts of an Office Open XML file; case makes no difference to their names. @see ECMA-376, part 2 (Open Packaging Conventions) */
export class OfficePackage {
  readonly #parts: ReadonlyMap<string, Uint8Array>;

  /** @throws RagError file/invalid, file/too-large, file/unsupported */
  constructor(bytes: Uint8Array, extension: string) {
    refuseOldOffice(bytes, extension);
    const parts = unzip(bytes, (name) => /\.(xml|rels)$/i.test(name));
    this.#parts = new Map([...parts].map(([path, part]) => [path.toLowerCase(), part]));
  }

  part(path: string): Uint8Array | undefined {
    return this.#parts.get(path.toLowerCase());
  }

  /**
   * The part that the file begins with, which may have any name.
   * @throws RagError file/invalid when it is not there, or is that of another kind of file
   */
  main({ called, root, usualPath }: OfficeKind): OfficePart {
    const main = this.related(PACKAGE, "officeDocument") ?? this.#at(usualPath);
    if (main && rootName(main.bytes) === root) return main;
    const why = main ? `its main part is no ${root}` : `it lacks ${usualPath}`;
    throw new RagError("file/invalid", `is no ${called}: ${why}; check its extension.`);
  }

  /** The first part of a type that another leads to, among those that are there. */
  related(path: string, type: string): OfficePart | undefined {
    for (const one of this.relationships(path).values()) {
      const part = one.type === type ? this.#at(one.target) : undefined;
      if (part) return part;
    }
    return undefined;
  }

  /** Relationships of a part, or of the package, by their ids. */
  relationships(path: string): ReadonlyMap<string, Relationship> {
    const folder = posix.dirname(path);
    const found = new Map<string, Relationship>();
    const bytes = this.part(relationshipsPath(path));
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
    const properties = this.related(PACKAGE, "core-properties") ?? this.#at("docProps/core.xml");
    return textInside(properties?.bytes, "title");
  }

  #at(path: string): OfficePart | undefined {
    const bytes = this.part(path);
    return bytes && { path, bytes };
  }
}

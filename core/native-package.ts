import { briefReason, RagError, systemCode } from "./error.ts";

/**
 * A package with parts that are compiled for a machine, loaded when first asked for: where it is missing, what needs nothing of it still
 * works. `name`: what people call it; `load` throws what the system says.
 * @throws RagError engine/failed, by what is returned
 */
export function nativePackage<Package>(name: string, load: () => Package): () => Package {
  let loaded: Package | undefined;
  return () => {
    try {
      loaded ??= load();
      return loaded;
    } catch (cause) {
      throw new RagError(
        "engine/failed",
        `${name} cannot be loaded (${briefReason(cause) || (systemCode(cause) ?? "")}); install Foreword again for this system and version of Node, without --ignore-scripts.`,
        { cause },
      );
    }
  };
}

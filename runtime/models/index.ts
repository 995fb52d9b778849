export { layoutFolder, removeLayouts } from "./cache.ts";
export { type CacheEnvironment, defaultCacheFolder } from "./cache-folder.ts";
export { CATALOGUE, type CatalogueFile, type CatalogueModel } from "./catalogue.ts";
export { type HubOptions, hubSource } from "./hub-source.ts";
export {
  type ListedModel,
  listModels,
  type RemovedModel,
  type ResolvedModel,
  type ResolveOptions,
  removeModel,
  resolveModel,
} from "./model-store.ts";
export type { PipCommand } from "./pip.ts";
export type { ModelProgress, ModelSource, SourceRequest } from "./source.ts";
export { type WheelOptions, wheelSource } from "./wheel-source.ts";

import { basename, resolve } from "node:path";

/** What messages call a store: the last part of its folder. Where that lies is no business of whoever reads them. */
export const storeName = (folder: string): string => basename(resolve(folder));

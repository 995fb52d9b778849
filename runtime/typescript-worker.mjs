// A checkout runs TypeScript through tsx, whose loader does not reach worker threads by itself. The built package has no .ts files and
// does not use this one.
import { register } from "tsx/esm/api";

register();
await import(process.argv[2]);

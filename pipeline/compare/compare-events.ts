import type { TuneEvent } from "../../ptuning/index.ts";
import type { FailedCell } from "./cell-failures.ts";

/** What a comparison tells while it runs. */
export type CompareEvent =
  | {
      readonly event: "cell";
      readonly cell: string;
      readonly done: number;
      readonly cells: number;
      readonly em: number;
      readonly f1: number;
      /** It was there from an earlier run. */
      readonly known: boolean;
    }
  | ({
      readonly event: "failed";
      readonly done: number;
      readonly cells: number;
    } & FailedCell)
  | { readonly event: "training"; readonly arm: string; readonly dataset: string }
  | { readonly event: "progress"; readonly of: TuneEvent }
  | {
      readonly event: "answered";
      readonly dataset: string;
      readonly done: number;
      readonly questions: number;
    };

/** One thing that was checked. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Findings as lines for people. */
export function describeFindings(findings: readonly Finding[]): string {
  return findings
    .map(({ check, ok, detail }) => `${ok ? "ok  " : "BAD "} ${check}: ${detail}`)
    .join("\n");
}

import { CATALOGUE, type FindingId } from './catalogue';
import { type Evidence, type Facts, type Plan, Unknown } from './evidence';
import { type Finding, type SettingChange, type Severity, sysctlCommand } from './finding';

/** One family of findings, and what it needs to know. */
export interface Check {
  /** in the field's words, as the output says what was not checked */
  readonly name: string;
  readonly needs: readonly (keyof Facts)[];
  find(plan: Plan, evidence: Evidence): Finding[];
}

/** A check that is only made where everything it needs is known. */
export function check<Part extends keyof Facts>(
  name: string,
  needs: readonly Part[],
  find: (facts: Plan & Pick<Facts, Part>) => Finding[],
): Check {
  return {
    name,
    needs,
    find: (plan, evidence) => find({ ...plan, ...(evidence as unknown as Pick<Facts, Part>) }),
  };
}

/** What was not checked, and why. */
export interface Gap {
  readonly check: string;
  readonly reason: string;
}

export interface Examination {
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Gap[];
}

/** Makes every check that can be made with what is known. */
export function examine(checks: readonly Check[], plan: Plan, evidence: Evidence): Examination {
  const findings: Finding[] = [];
  const unchecked: Gap[] = [];
  for (const one of checks) {
    const missing = one.needs.map((part) => evidence[part]).find((part) => part instanceof Unknown);
    if (missing === undefined) findings.push(...one.find(plan, evidence));
    else unchecked.push({ check: one.name, reason: missing.reason });
  }
  return { findings, unchecked };
}

interface Particulars {
  readonly severity: Severity;
  readonly subject: string;
  readonly what: string;
}

/** A finding that a command mends, or where that is null, a person, in the words of `mend`. */
export function finding(
  id: FindingId,
  particulars: Particulars,
  command: string | null,
  mend: string = command ?? '',
): Finding {
  return { id, ...particulars, why: CATALOGUE[id], mend, command, fix: [] };
}

/** A finding that settings mend; `safe` where they concern nothing but our links, so that `--fix` may set them. */
export function settingFinding(
  id: FindingId,
  particulars: Particulars,
  changes: readonly SettingChange[],
  safe: boolean,
): Finding {
  return { ...finding(id, particulars, sysctlCommand(changes)), fix: safe ? changes : [] };
}

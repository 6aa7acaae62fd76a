/** The head of the list of candidates, `[ pid ] uid tgid ... oom_score_adj name`: mm/oom_kill.c, dump_tasks(). */
export interface ColumnsLine {
  readonly kind: "columns";
  readonly count: number;
}

/** A candidate. The fields between are others in each kernel; which, the head tells. */
export interface RowLine {
  readonly kind: "row";
  /** Of the thread that holds the memory: not the leader's where that one is dead. */
  readonly pid: number;
  /** The process. */
  readonly tgid: number;
  readonly fields: string;
}

const COLUMNS = /^\[ +pid +\] +uid +tgid .*\boom_score_adj name$/;
const ROW = /^\[ *(\d+)\] +\d+ +(\d+) +(.*)$/s;

/** @returns null for any other line */
export function parseColumns(message: string): ColumnsLine | null {
  if (!COLUMNS.test(message)) return null;
  return { kind: "columns", count: message.replace(/^\[ +pid +\]/, "pid").split(/ +/).length };
}

/** @returns null for any other line */
export function parseRow(message: string): RowLine | null {
  const match = ROW.exec(message);
  return match && { kind: "row", pid: Number(match[1]), tgid: Number(match[2]), fields: match[3]! };
}

/** @returns the candidate's oom_score_adj, the last column before the name, which may look like numbers too; null: cut off */
export function adjIn({ fields }: RowLine, columns: number): number | null {
  // Behind pid, uid and tgid.
  const [name, adj, ...others] = fields.split(/ +/, columns - 3).reverse();
  const isWhole = name !== undefined && others.length === columns - 5;
  return isWhole && adj !== undefined && Number.isInteger(Number(adj)) ? Number(adj) : null;
}

import { type Mutant } from "./mutant";
import { type Reason, reasonFor } from "./reasons";
import { type Verdict } from "./verdict";

export interface Judged {
  mutant: Mutant;
  verdict: Verdict;
}

/** Score per file and overall, timeouts, and every survivor with its reason, as Markdown. */
export function summarize(judged: Judged[], reasons: Reason[]): string {
  const files = [...new Set(judged.map(({ mutant }) => mutant.file))];
  const table = [
    ...files.map((file) =>
      row(
        file.replace("contracts/", ""),
        judged.filter(({ mutant }) => mutant.file === file),
        reasons,
      ),
    ),
    row("**all**", judged, reasons),
  ];
  const timeouts = judged.filter(({ verdict }) => verdict.status === "timeout");
  const survivors = judged.filter(({ verdict }) => verdict.status === "survived");
  return [
    "| file | mutants | killed | survived | of these equivalent | score |",
    "| --- | --- | --- | --- | --- | --- |",
    ...table,
    ...(timeouts.length === 0 ? [] : ["", "Timeouts, counted as killed:", ""]),
    ...timeouts.map(({ mutant, verdict }) => `- \`${mutant.id}\` ${verdict.killer?.title ?? ""}`),
    ...(survivors.length === 0 ? [] : ["", "Survivors:", ""]),
    ...survivors.flatMap(({ mutant }) => {
      const reason = reasonFor(mutant, reasons);
      return [
        `- \`${mutant.id}\` in ${mutant.within}: ${reason === undefined ? "**no reason yet**" : `${reason.kind}, ${reason.why}`}`,
        `  - \`${mutant.before}\``,
        `  - \`${mutant.after}\``,
      ];
    }),
  ].join("\n");
}

function row(name: string, part: Judged[], reasons: Reason[]): string {
  const count = (wanted: (judged: Judged) => boolean): number => part.filter(wanted).length;
  const killed = count(({ verdict }) => ["killed", "timeout"].includes(verdict.status));
  const survived = count(({ verdict }) => verdict.status === "survived");
  const equivalent = count(
    ({ mutant, verdict }) => verdict.status === "survived" && reasonFor(mutant, reasons)?.kind === "equivalent",
  );
  const counted = killed + survived - equivalent;
  const score = counted === 0 ? "–" : `${((100 * killed) / counted).toFixed(1)} %`;
  return `| ${[name, killed + survived, killed, survived, equivalent, score].join(" | ")} |`;
}

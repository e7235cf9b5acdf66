/** Markup that is already safe to put into a page. */
export class Markup {
  constructor(readonly text: string) {}
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function render(value: unknown): string {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(render).join("");
  return String(value).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

/** Template tag: everything that is put in is escaped, except markup made by this same tag. */
export function markup(parts: TemplateStringsArray, ...values: unknown[]): Markup {
  return new Markup(parts.reduce((text, part, i) => text + render(values[i - 1]) + part));
}

/** JSON that can stand in a script element: no `<`, so nothing in it can close the element or open a comment. */
export function embedJson(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escapeUnit));
}

const escapeUnit = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

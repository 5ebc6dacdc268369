// Makes what cannot be seen visible: text of agents and repositories may try to look like something else.

/** Controls, directions, invisible letters, tags, halves of letters. Line ends and tabs are none of them. */
const HIDDEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const HIDDEN_ONCE = new RegExp(HIDDEN.source, "u");

/** Joins pictures into one, as in families: harmless between two of them. */
const JOINER = "\u200d";
/** Asks for a picture in colour: harmless behind one. */
const COLOUR = "\ufe0f";
const ENDS_IN_PICTURE = /\p{Emoji}[\ufe0f\u{1f3fb}-\u{1f3ff}]?$/u;
const BEGINS_WITH_PICTURE = /^\p{Extended_Pictographic}/u;

/** The same text with everything hidden shown as a sign of its own. */
export function visible(text: string): string {
  if (!HIDDEN_ONCE.test(text)) return text;
  return text.replace(/\r\n/g, "\n").replace(HIDDEN, (hidden, at: number, whole: string) => {
    if (hidden === JOINER || hidden === COLOUR) {
      const isBehind = ENDS_IN_PICTURE.test(whole.slice(Math.max(0, at - 4), at));
      const isBefore = hidden === COLOUR || BEGINS_WITH_PICTURE.test(whole.slice(at + 1, at + 3));
      if (isBehind && isBefore) return hidden;
    }
    return sign(hidden);
  });
}

function sign(hidden: string): string {
  const code = hidden.codePointAt(0) ?? 0;
  // Unicode has a picture for every C0 control.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `⟦U+${code.toString(16).toUpperCase().padStart(4, "0")}⟧`;
}

/** Parses JSON from outside; every text in it, names included, is made visible on the way. */
export function parseVisibly(json: string): unknown {
  return JSON.parse(json, (_, value: unknown) => (typeof value === "string" ? visible(value) : value));
}

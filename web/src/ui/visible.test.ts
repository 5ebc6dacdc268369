import { expect, test } from "vitest";
import { parseVisibly, visible } from "./visible";

test("what people write stays as it is", () => {
  for (const text of ["plain\n\ttext", "naïve – “quotes” ✓", "日本語 العربية", "👨‍👩‍👧 ❤️ 👍🏽", "e\u0301"]) {
    expect(visible(text)).toBe(text);
  }
});

test("controls and escape sequences are pictures", () => {
  expect(visible("\u001b[31mred\u0007\u007f\u009b")).toBe("␛[31mred␇␡⟦U+009B⟧");
  expect(visible("a\rb\r\nc\u0000")).toBe("a␍b\nc␀");
});

test("directions, invisible letters, tags and halves of letters are shown by their number", () => {
  expect(visible("user\u202etxt.exe")).toBe("user⟦U+202E⟧txt.exe");
  expect(visible("a\u200bb\u2066c\ufeffd\u00ade\u2028f")).toBe(
    "a⟦U+200B⟧b⟦U+2066⟧c⟦U+FEFF⟧d⟦U+00AD⟧e⟦U+2028⟧f",
  );
  expect(visible("x\u{e0041}\u{e0100}\u3164")).toBe("x⟦U+E0041⟧⟦U+E0100⟧⟦U+3164⟧");
  expect(visible("a\ufff9b\u{e0001}")).toBe("a⟦U+FFF9⟧b⟦U+E0001⟧");
  expect(visible("\ud800x")).toBe("⟦U+D800⟧x");
});

test("a joiner that joins no pictures hides something", () => {
  expect(visible("a\u200db")).toBe("a⟦U+200D⟧b");
  expect(visible("a\ufe0f")).toBe("a⟦U+FE0F⟧");
});

test("every text that comes in is made visible, however deep", () => {
  expect(parseVisibly('{"a":["\\u202e",{"b":"\\u001b"}],"n":1}')).toEqual({
    a: ["⟦U+202E⟧", { b: "␛" }],
    n: 1,
  });
});

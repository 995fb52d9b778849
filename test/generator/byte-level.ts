/** A tokenizer.json that has a token for every byte, and special tokens behind them from id 256. `more`: fields of its own. */
export function byteLevelTokenizer(
  special: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): object {
  let beyond = 0x100;
  const characters = Array.from({ length: 256 }, (_, byte) => {
    const isPrinted = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCodePoint(isPrinted ? byte : beyond++);
  });
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  return {
    version: "1.0",
    added_tokens: special.map((content, index) => ({
      ...{ id: 256 + index, content, special: true, normalized: false },
      ...{ single_word: false, lstrip: false, rstrip: false },
    })),
    normalizer: null,
    pre_tokenizer: { ...byteLevel, use_regex: true },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: true },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(characters.map((character, id) => [character, id])),
      merges: [],
      unk_token: null,
    },
    ...more,
  };
}

/** The post-processor that begins a text with a token, as a tokenizer.json has it. */
export const beginningWith = (token: string, id: number): object => ({
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
});

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ChatMessage, encodeChat, readModel } from "../../generator/index.ts";
import { type Tokenizer, tokenizerFromFiles } from "../../runtime/index.ts";
import { defaultModel } from "../default-model.ts";
import { type Check, countDifferences } from "./check.ts";

interface TokenizerGolden {
  readonly rows: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

/** Every recorded text through the real models' tokenizers, and the chat template. */
export async function checkTexts(folder: string): Promise<Check[]> {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(join(folder, "tokenizers", name), "utf8"));
  const generator = readModel(await defaultModel("smollm2-135m-instruct"));
  const embedder = await defaultModel("all-minilm-l6-v2");
  const file = (name: string): unknown =>
    JSON.parse(readFileSync(join(embedder.folder, name), "utf8"));
  const bert = tokenizerFromFiles(file("tokenizer.json"), file("tokenizer_config.json"));
  const compare = (name: string, tokenizer: Tokenizer, ends: readonly number[] = []): Check => {
    const [first, last] = [ends.slice(0, 1), ends.slice(1)];
    const { rows } = read(`${name}.json`) as TokenizerGolden;
    const wrong = rows.filter(
      ({ text, ids }) =>
        countDifferences([...first, ...tokenizer.encodeTemplate(text), ...last], ids) > 0,
    );
    return {
      subject: name,
      check: `${rows.length} texts`,
      difference: wrong.length,
      tolerance: 0,
    };
  };
  const chats = read("smollm2-chat.json") as readonly {
    readonly messages: readonly { readonly role: ChatMessage["role"]; readonly content: string }[];
    readonly text: string;
  }[];
  const wrongChats = chats.filter(({ messages, text }) => {
    const { before } = encodeChat(
      generator,
      messages.map(({ role, content }) => ({ role, parts: [content] })),
    );
    return generator.tokenizer.decode(before) !== text;
  });
  return [
    compare("smollm2-135m-instruct", generator.tokenizer),
    compare("all-minilm-l6-v2", bert, [bert.idOf("[CLS]")!, bert.idOf("[SEP]")!]),
    {
      subject: "smollm2-135m-instruct",
      check: `${chats.length} chats`,
      difference: wrongChats.length,
      tolerance: 0,
    },
  ];
}

/** Whether a folder has the part named. */
export const hasPart = (folder: string, part: string): boolean => existsSync(join(folder, part));

import { ChatForeword, forewordChain } from "foreword";

/**
 * LangChain around Foreword: question in, answer and sources out.
 * `npx tsx examples/rag-chain.ts "Who designed Cobb Lighthouse?" demo/.foreword`
 */
const [question = "Who designed Cobb Lighthouse?", store = ".foreword"] = process.argv.slice(2);
const model = ChatForeword.open({ store });
try {
  const { answer, sources } = await forewordChain(model).invoke({ question });
  const places = sources.map(({ source, start, end }) => `  ${source}, characters ${start}-${end}`);
  process.stdout.write(`${answer}\n${places.join("\n")}\n`);
} finally {
  await model.close();
}

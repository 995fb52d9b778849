import { ChatOpenAI } from "@langchain/openai";
import { documentTools, openForeword } from "foreword";
import { createAgent } from "langchain";

/**
 * An agent that looks things up in the documents of a store. It needs a model that calls tools, such as one behind any endpoint
 * that is compatible with OpenAI's: OPENAI_API_KEY, and OPENAI_BASE_URL and MODEL for another than OpenAI's own.
 * `@langchain/openai` has to be installed beside Foreword.
 * `npx tsx examples/agent.ts "Which is older, Cobb Lighthouse or the Sill Bridge?" demo/.foreword`
 */
const [question = "What do the documents say?", store = ".foreword"] = process.argv.slice(2);
const { MODEL = "gpt-4.1-mini", OPENAI_BASE_URL: baseURL } = process.env;
const foreword = openForeword({ store });
try {
  const model = new ChatOpenAI({ model: MODEL, ...(baseURL && { configuration: { baseURL } }) });
  const agent = createAgent({ model, tools: documentTools(foreword) });
  const { messages } = await agent.invoke({ messages: [{ role: "user", content: question }] });
  process.stdout.write(`${messages.at(-1)?.text ?? ""}\n`);
} finally {
  await foreword.close();
}

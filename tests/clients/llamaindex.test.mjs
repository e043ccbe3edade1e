// LlamaIndex.ts with its classes for OpenAI's API.
import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenAI, OpenAIEmbedding } from "@llamaindex/openai";

const common = { apiKey: "any", baseURL: `${process.env.HEARTH_URL}/v1`, maxRetries: 0 };
const llm = new OpenAI({ ...common, model: "any", temperature: 0, maxTokens: 8 });
const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "The little tree" }];

test("text and usage", async () => {
  const { message, raw } = await llm.chat({ messages });
  assert.ok(message.content.length > 0);
  assert.equal(raw.usage.completion_tokens, 8);
});

test("a stream is the whole answer in pieces", async () => {
  const whole = await llm.chat({ messages });
  let text = "";
  for await (const piece of await llm.chat({ messages, stream: true })) text += piece.delta;
  assert.equal(text, whole.message.content);
});

test("embeddings", async () => {
  const embedding = new OpenAIEmbedding({ ...common, model: "any" });
  const [one, two, three] = await embedding.getTextEmbeddings(["A", "B", "A"]);
  assert.deepEqual(one, three);
  assert.notDeepEqual(one, two);
});

test("errors are told as they are", async () => {
  await assert.rejects(llm.chat({ messages: [{ role: "user", content: "tree ".repeat(6000) }] }),
                       /maximum context length is \d+ tokens/);
});

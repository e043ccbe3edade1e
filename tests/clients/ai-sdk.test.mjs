// The AI SDK with its provider for servers that speak OpenAI's API.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateText, streamText } from "ai";

const provider = createOpenAICompatible({ name: "hearth", baseURL: `${process.env.HEARTH_URL}/v1`, includeUsage: true });
const model = provider.chatModel("any");
const hello = { model, prompt: "The little tree", temperature: 0, maxOutputTokens: 8, maxRetries: 0 };

test("text and usage", async () => {
  const { text, usage, finishReason } = await generateText(hello);
  assert.ok(text.length > 0);
  assert.ok(usage.inputTokens > 3);
  assert.equal(usage.outputTokens, 8);
  assert.equal(finishReason, "length");
});

test("a stream is the whole answer in pieces", async () => {
  const { text: whole } = await generateText(hello);
  const result = streamText(hello);
  let text = "";
  for await (const piece of result.textStream) text += piece;
  assert.equal(text, whole);
  assert.equal((await result.usage).outputTokens, 8);
  assert.equal(await result.finishReason, "length");
});

test("a conversation", async () => {
  const { prompt, ...rest } = hello;
  const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "A" },
                    { role: "assistant", content: "B" }, { role: "user", content: [{ type: "text", text: "C" }] }];
  assert.ok((await generateText({ ...rest, allowSystemInMessages: true, messages })).text.length > 0);
});

test("embeddings", async () => {
  const { embeddings, usage } = await embedMany({ model: provider.embeddingModel("any"), values: ["A", "B", "A"] });
  assert.equal(embeddings.length, 3);
  assert.deepEqual(embeddings[0], embeddings[2]);
  assert.ok(usage.tokens > 0);
});

test("errors are told as they are", async () => {
  await assert.rejects(generateText({ ...hello, prompt: "tree ".repeat(6000) }), (error) => {
    assert.ok(APICallError.isInstance(error), `${error}`);
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /maximum context length is \d+ tokens/);
    return true;
  });
});

// LangChain.js with its classes for OpenAI's API.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";

const configuration = { baseURL: `${process.env.HEARTH_URL}/v1` };
const common = { apiKey: "any", configuration, model: "any", maxRetries: 0 };
const chat = new ChatOpenAI({ ...common, temperature: 0, maxTokens: 8, streamUsage: true });

test("text and usage", async () => {
  const answer = await chat.invoke("The little tree");
  assert.ok(answer.content.length > 0);
  assert.equal(answer.usage_metadata.output_tokens, 8);
  assert.ok(answer.usage_metadata.input_tokens > 3);
});

test("a stream is the whole answer in pieces", async () => {
  const whole = await chat.invoke("The little tree");
  let text = "", usage;
  for await (const piece of await chat.stream("The little tree")) {
    text += piece.content;
    usage = piece.usage_metadata ?? usage;
  }
  assert.equal(text, whole.content);
  assert.equal(usage.output_tokens, 8);
});

test("a conversation with a call", async () => {
  const answer = await chat.invoke([
    new SystemMessage("Be brief."), new HumanMessage("A"),
    new AIMessage({ content: "", tool_calls: [{ id: "1", name: "f", args: { x: 1 } }] }),
    new ToolMessage({ content: "2", tool_call_id: "1" })]);
  assert.ok(answer.content.length > 0);
});

test("embeddings", async () => {
  const embeddings = new OpenAIEmbeddings(common);
  const [one, two, three] = await embeddings.embedDocuments(["A", "B", "A"]);
  assert.deepEqual(one, three);
  assert.notDeepEqual(one, two);
});

test("errors are told as they are", async () => {
  await assert.rejects(chat.invoke("tree ".repeat(6000)), (error) => {
    assert.match(error.message, /maximum context length is \d+ tokens/);
    return true;
  });
});

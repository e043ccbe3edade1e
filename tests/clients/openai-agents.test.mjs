// The OpenAI Agents SDK, over responses and over chat completions.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, setTracingDisabled } from "@openai/agents";
import OpenAI from "openai";

setTracingDisabled(true);
const url = process.env.HEARTH_URL;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const runner = new Runner({ tracingDisabled: true });
const settings = { temperature: 0, maxTokens: 8, truncation: "auto", reasoning: { effort: "low" },
                   text: { verbosity: "low" } };
const agent = (model, more) => new Agent({ name: "A", instructions: "Be brief.", model,
                                           modelSettings: { ...settings, ...more } });
const tooLong = "tree ".repeat(6000), overflow = /maximum context length is \d+ tokens/;

describe("over chat completions", () => {
  const brief = agent(new OpenAIChatCompletionsModel(client, "any"));

  test("text and usage", async () => {
    const result = await runner.run(brief, "The little tree");
    assert.ok(result.finalOutput.length > 0);
    assert.equal(result.state.usage.outputTokens, 8);
  });

  test("a stream is the whole answer in pieces", async () => {
    const whole = await runner.run(brief, "The little tree");
    const result = await runner.run(brief, "The little tree", { stream: true });
    let text = "";
    for await (const piece of result.toTextStream()) text += piece;
    await result.completed;
    assert.equal(text, whole.finalOutput);
  });

  test("a second turn", async () => {
    const first = await runner.run(brief, "A");
    const second = await runner.run(brief, [...first.history, { role: "user", content: "B" }]);
    assert.ok(second.finalOutput.length > 0);
  });

  test("errors are told as they are", async () => {
    await assert.rejects(runner.run(brief, tooLong), overflow);
  });
});

// To this client an answer that ended at its limit is a failure, so the model is made to end at once.
describe("over responses", () => {
  const silent = async () => {
    const response = await fetch(`${url}/tokenize`, { method: "POST", body: JSON.stringify({ content: "</s>" }) });
    const { tokens: [end] } = await response.json();
    return agent(new OpenAIResponsesModel(client, "any"), { providerData: { logit_bias: { [end]: 100 } } });
  };

  test("usage, whole and streamed", async () => {
    for (const stream of [false, true]) {
      const result = await runner.run(await silent(), "The little tree", { stream });
      if (stream) await result.completed;
      assert.equal(result.finalOutput, "");
      assert.equal(result.state.usage.outputTokens, 1);
    }
  });

  test("errors are told as they are", async () => {
    await assert.rejects(runner.run(await silent(), tooLong), overflow);
  });
});

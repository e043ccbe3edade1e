// What the clients make of calls and thoughts: their own loops run a tool and get the answer to what it gave. The
// server's model says what it is made to say (../cli/scripted_model.py): where there are tools, a thought, a text and a
// call of get_weather; after a result, a text.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, setTracingDisabled,
         tool as agentTool } from "@openai/agents";
import { generateText, stepCountIs, streamText, tool as aiTool } from "ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { z } from "zod";

setTracingDisabled(true);
const url = process.env.HEARTH_URL;
const question = "How is the weather in Ulm?", sunny = "It is sunny in Ulm.", thought = "The user asks for weather.";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const model = (await (await fetch(`${url}/v1/models`)).json()).data[0].id;
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0 });

// A tool that remembers what it was called with.
function weather() {
  const cities = [];
  return { cities, run: ({ city }) => (cities.push(city), "sunny") };
}

describe("OpenAI's client", () => {
  for (const stream of [false, true]) {
    test(`runs tools over chat completions, stream: ${stream}`, async () => {
      const { cities, run } = weather();
      const runner = openai.chat.completions.runTools({
        model, stream, messages: [{ role: "user", content: question }],
        tools: [{ type: "function", function: { name: "get_weather", function: run, parse: JSON.parse, parameters } }],
      });
      assert.equal(await runner.finalContent(), sunny);
      assert.deepEqual(cities, ["Ulm"]);
    });
  }

  test("a stream of responses", async () => {
    const tools = [{ type: "function", name: "get_weather", parameters, strict: false }];
    const stream = openai.responses.stream({ model, input: question, tools });
    let written = "";
    stream.on("response.function_call_arguments.delta", (event) => (written += event.delta));
    const response = await stream.finalResponse();
    assert.deepEqual(response.output.map((item) => item.type), ["reasoning", "message", "function_call"]);
    const call = response.output[2];
    assert.deepEqual([call.name, JSON.parse(call.arguments)], ["get_weather", { city: "Ulm" }]);
    assert.equal(written, call.arguments);
    const output = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
    const input = [{ role: "user", content: question }, ...response.output, output];
    assert.equal((await openai.responses.create({ model, input, tools })).output_text, sunny);
  });
});

describe("Anthropic's client", () => {
  for (const stream of [false, true]) {
    test(`runs tools, stream: ${stream}`, async () => {
      const { cities, run } = weather();
      const tool = { type: "custom", name: "get_weather", input_schema: parameters, run, parse: (input) => input };
      const runner = anthropic.beta.messages.toolRunner({
        model, stream, max_tokens: 500, tools: [tool], messages: [{ role: "user", content: question }],
      });
      const final = await runner.runUntilDone();
      assert.equal(final.content.at(-1).text, sunny);
      assert.deepEqual(cities, ["Ulm"]);
    });
  }

  test("a stream has thoughts and a call", async () => {
    const stream = anthropic.messages.stream({
      model, max_tokens: 500, thinking: { type: "enabled", budget_tokens: 400 },
      tools: [{ name: "get_weather", input_schema: parameters }], messages: [{ role: "user", content: question }],
    });
    let thinking = "";
    stream.on("thinking", (delta) => (thinking += delta));
    const message = await stream.finalMessage();
    assert.equal(thinking.trim(), thought);
    assert.deepEqual(message.content.map((block) => block.type), ["thinking", "text", "tool_use"]);
    assert.deepEqual(message.content[2].input, { city: "Ulm" });
    assert.equal(message.stop_reason, "tool_use");
  });
});

describe("the AI SDK", () => {
  const provider = createOpenAICompatible({ name: "hearth", baseURL: `${url}/v1` });

  for (const stream of [false, true]) {
    test(`runs tools, stream: ${stream}`, async () => {
      const { cities, run } = weather();
      const tools = { get_weather: aiTool({ inputSchema: z.object({ city: z.string() }), execute: run }) };
      const request = { model: provider.chatModel(model), prompt: question, tools, stopWhen: stepCountIs(3),
                        maxRetries: 0 };
      const result = stream ? streamText(request) : await generateText(request);
      assert.equal(await result.text, sunny);
      assert.deepEqual(cities, ["Ulm"]);
      const [first] = await result.steps;
      assert.equal(first.reasoningText.trim(), thought);
      assert.equal(first.finishReason, "tool-calls");
    });
  }
});

describe("LangChain", () => {
  const { run } = weather();
  const tool = langchainTool(run, { name: "get_weather", description: "Weather.",
                                    schema: z.object({ city: z.string() }) });
  for (const useResponsesApi of [false, true]) {
    test(`calls tools, responses: ${useResponsesApi}`, async () => {
      const chat = new ChatOpenAI({ apiKey: "any", configuration: { baseURL: `${url}/v1` }, model, maxRetries: 0,
                                    useResponsesApi }).bindTools([tool]);
      const asked = new HumanMessage(question);
      const answer = await chat.invoke([asked]);
      assert.deepEqual(answer.tool_calls.map(({ name, args }) => [name, args]), [["get_weather", { city: "Ulm" }]]);
      let streamed;
      for await (const piece of await chat.stream([asked])) streamed = streamed ? streamed.concat(piece) : piece;
      assert.deepEqual(streamed.tool_calls.map(({ name, args }) => [name, args]), [["get_weather", { city: "Ulm" }]]);
      const result = new ToolMessage({ content: "sunny", tool_call_id: answer.tool_calls[0].id });
      assert.equal((await chat.invoke([asked, answer, result])).text, sunny);
    });
  }
});

describe("the OpenAI Agents SDK", () => {
  for (const Model of [OpenAIChatCompletionsModel, OpenAIResponsesModel]) {
    for (const stream of [false, true]) {
      test(`runs tools over ${Model.name}, stream: ${stream}`, async () => {
        const { cities, run } = weather();
        const tools = [agentTool({ name: "get_weather", description: "Weather.",
                                   parameters: z.object({ city: z.string() }), execute: run })];
        const agent = new Agent({ name: "A", instructions: "Be brief.", model: new Model(openai, model), tools });
        const result = await new Runner({ tracingDisabled: true }).run(agent, question, { stream });
        if (stream) await result.completed;
        assert.equal(result.finalOutput, sunny);
        assert.deepEqual(cities, ["Ulm"]);
      });
    }
  }
});

describe("Ollama's client", () => {
  const ollama = new Ollama({ host: url });
  const asked = { role: "user", content: question };
  const request = { model, tools: [{ type: "function", function: { name: "get_weather", description: "Weather.",
                                                                   parameters } }] };

  test("calls a tool and goes on from its result", async () => {
    const { message } = await ollama.chat({ ...request, messages: [asked], think: true });
    assert.equal(message.thinking.trim(), thought);
    assert.deepEqual(message.tool_calls[0].function, { name: "get_weather", arguments: { city: "Ulm" } });
    const result = { role: "tool", tool_name: "get_weather", content: "sunny" };
    assert.equal((await ollama.chat({ ...request, messages: [asked, message, result] })).message.content, sunny);
  });

  test("streams the same", async () => {
    const calls = [];
    let thinking = "", last;
    for await (const part of await ollama.chat({ ...request, messages: [asked], stream: true })) {
      calls.push(...(part.message.tool_calls ?? []));
      thinking += part.message.thinking ?? "";
      last = part;
    }
    assert.equal(thinking.trim(), thought);
    assert.deepEqual(calls.map((call) => call.function.arguments), [{ city: "Ulm" }]);
    assert.equal(last.done_reason, "stop");
  });
});

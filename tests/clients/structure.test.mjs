// Answers in a form that was asked for, through the clients' own helpers. The model has random weights: what obeys here
// does so because the server makes it.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { Output, generateText, streamText } from "ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const url = process.env.HEARTH_URL;
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0, timeout: 120_000 });
const question = [{ role: "user", content: "Describe the weather." }];

const Weather = z.object({
  sky: z.enum(["clear", "clouded"]),
  degrees: z.number().int().min(-60).max(60),
  winds: z.array(z.object({ from: z.string().regex(/^[NSEW]{1,2}$/), strong: z.boolean() })).max(2),
  note: z.union([z.literal("none"), z.null()]),
});
const schema = z.toJSONSchema(Weather);
const hot = { temperature: 1.5, seed: 7 };

test("OpenAI: chat.completions.parse, and its stream", async () => {
  const request = { model: "any", messages: question, ...hot, response_format: zodResponseFormat(Weather, "weather") };
  const { choices } = await openai.chat.completions.parse(request);
  Weather.parse(choices[0].message.parsed);
  assert.equal(choices[0].finish_reason, "stop");
  const streamed = await openai.chat.completions.stream(request).finalChatCompletion();
  assert.deepEqual(streamed.choices[0].message.parsed, choices[0].message.parsed);
});

test("OpenAI: responses.parse", async () => {
  const request = { model: "any", input: "Describe the weather.", temperature: 1.5,
                    text: { format: zodTextFormat(Weather, "weather") } };
  const response = await openai.responses.parse(request);
  Weather.parse(response.output_parsed);
  assert.equal(response.text.format.type, "json_schema");
});

test("OpenAI: any object, some words, an expression, a grammar", async () => {
  const answer = async (form) => {
    const { choices } = await openai.chat.completions.create({ model: "any", messages: question, ...hot,
                                                               max_tokens: 400, ...form });
    return choices[0].message.content;
  };
  assert.ok(["yes", "no"].includes(await answer({ guided_choice: ["yes", "no"] })));
  assert.match(await answer({ structured_outputs: { regex: "[0-9]{4}-[0-9]{2}" } }), /^[0-9]{4}-[0-9]{2}$/);
  assert.match(await answer({ grammar: 'root ::= "(" root ")" | [xyz]' }), /^\(*[xyz]\)*$/);
  assert.equal((await answer({ response_format: { type: "json_object" } })).trimStart()[0], "{");
});

test("Anthropic: messages.parse", async () => {
  const anthropic = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0, timeout: 120_000 });
  // Bounds and expressions are told to the model in words by the client, not to the server.
  const Plain = z.object({ sky: z.enum(["clear", "clouded"]), warm: z.boolean(), wind: z.literal(["north", "south"]) });
  const message = await anthropic.messages.parse({ model: "any", max_tokens: 500, messages: question, temperature: 1,
                                                   output_config: { format: zodOutputFormat(Plain) } });
  Plain.parse(message.parsed_output);
});

test("AI SDK: objects, whole and streamed", async () => {
  const provider = createOpenAICompatible({ name: "hearth", baseURL: `${url}/v1`, supportsStructuredOutputs: true });
  const request = { model: provider.chatModel("any"), prompt: "Describe the weather.", maxRetries: 0, ...hot,
                    output: Output.object({ schema: Weather }) };
  const { output } = await generateText(request);
  Weather.parse(output);
  assert.deepEqual(await streamText(request).output, output);
});

test("LangChain: withStructuredOutput", async () => {
  const chat = new ChatOpenAI({ apiKey: "any", configuration: { baseURL: `${url}/v1` }, model: "any", maxRetries: 0,
                                temperature: 1.5 });
  Weather.parse(await chat.withStructuredOutput(Weather, { method: "jsonSchema" }).invoke("Describe the weather."));
});

test("Ollama: format", async () => {
  const ollama = new Ollama({ host: url });
  const { message } = await ollama.chat({ model: (await ollama.list()).models[0].name, messages: question,
                                          format: schema, options: hot });
  Weather.parse(JSON.parse(message.content));
});

// OpenAI's official client, unchanged, against Hearth.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";

const url = process.env.HEARTH_URL;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0, timeout: 120_000 });
const question = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Tell me a story." },
];
let model;

before(async () => {
  const models = [];
  for await (const one of client.models.list()) models.push(one);
  assert.equal(models.length, 1);
  model = models[0].id;
});

// The error that the call ends with, of that class.
async function refusal(call, type) {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
    return error;
  }
  assert.fail("nothing was refused");
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const textOf = (chunks, index = 0) =>
  chunks
    .flatMap((chunk) => chunk.choices)
    .filter((choice) => choice.index === index)
    .map((choice) => choice.delta.content ?? "")
    .join("");

// What the server knows of a request, once it is in one of these states.
async function stateOf(id, wanted) {
  for (let i = 0; i < 200; ++i) {
    const response = await fetch(`${url}/v1/requests/${id}`);
    const request = await response.json();
    if (response.status === 200 && wanted.includes(request.state)) return request;
    await sleep(50);
  }
  assert.fail(`request ${id} is in none of the states ${wanted}`);
}

describe("models", () => {
  test("are listed with what they can do", async () => {
    const one = await client.models.retrieve(model);
    assert.equal(one.object, "model");
    assert.equal(one.owned_by, "hearth");
    assert.equal(one.context_length, 4096);
    assert.deepEqual(one.modalities, ["text"]);
    assert.ok(one.meta.n_params > 0 && one.meta.size > 0);
  });

  test("one that is not there is not found", async () => {
    const error = await refusal(client.models.retrieve("somebody/else"), OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
  });
});

describe("chat completions", () => {
  test("answer", async () => {
    const request = { model, messages: question, max_tokens: 12, ignore_eos: true };
    const answer = await client.chat.completions.create(request);
    assert.match(answer.id, /^chatcmpl-/);
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.model, model);
    assert.ok(answer.system_fingerprint.length > 0);
    assert.ok(Math.abs(answer.created - Date.now() / 1000) < 600);
    const [choice] = answer.choices;
    assert.equal(choice.message.role, "assistant");
    assert.ok(choice.message.content.length > 0);
    assert.equal(choice.finish_reason, "length");
    assert.equal(choice.logprobs, null);
    assert.equal(answer.usage.completion_tokens, 12);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + 12);
  });

  test("a second time, the prompt comes from the cache", async () => {
    const messages = [{ role: "user", content: "Once upon a time there was a little tree. ".repeat(20) }];
    const first = await client.chat.completions.create({ model, messages, max_tokens: 2, ignore_eos: true });
    const second = await client.chat.completions.create({ model, messages, max_tokens: 2, ignore_eos: true });
    assert.equal(first.usage.prompt_tokens, second.usage.prompt_tokens);
    assert.ok(second.usage.prompt_tokens_details.cached_tokens > 0);
    const without = { model, messages, max_tokens: 2, ignore_eos: true, cache_prompt: false };
    const third = await client.chat.completions.create(without);
    assert.equal(third.usage.prompt_tokens_details.cached_tokens, 0);
  });

  test("the same seed gives the same text, and the answer says which it was", async () => {
    const request = { model, messages: question, max_tokens: 40, temperature: 1.5, ignore_eos: true };
    const first = await client.chat.completions.create({ ...request, seed: 7 });
    const again = await client.chat.completions.create({ ...request, seed: 7 });
    const other = await client.chat.completions.create({ ...request, seed: 8 });
    const content = (answer) => answer.choices[0].message.content;
    assert.equal(first.seed, 7);
    assert.equal(content(first), content(again));
    assert.notEqual(content(first), content(other));
    const random = await client.chat.completions.create({ ...request, seed: -1 });  // drawn, as without one
    assert.ok(Number.isSafeInteger(random.seed));
    const repeated = await client.chat.completions.create({ ...request, seed: random.seed });
    assert.equal(content(random), content(repeated));
  });

  test("stream, with usage at the end", async () => {
    const request = { model, messages: question, max_tokens: 20, seed: 3, ignore_eos: true };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.ok(chunks.slice(1, -1).every((chunk) => chunk.choices[0].delta.role === undefined));
    assert.ok(chunks.every((chunk) => chunk.id === chunks[0].id && chunk.object === "chat.completion.chunk"));
    assert.equal(textOf(chunks), whole.choices[0].message.content);
    assert.equal(chunks.at(-2).choices[0].finish_reason, "length");
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.completion_tokens, 20);
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
  });

  test("stream without usage unless it is asked for", async () => {
    const stream = await client.chat.completions.create({ model, messages: question, max_tokens: 3, stream: true });
    const chunks = await collect(stream);
    assert.ok(chunks.every((chunk) => !("usage" in chunk) && chunk.choices.length === 1));
  });

  test("the client's own stream helper puts the pieces together", async () => {
    const request = { model, messages: question, max_tokens: 10, seed: 5, ignore_eos: true };
    const whole = await client.chat.completions.create(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    assert.equal(streamed.choices[0].message.content, whole.choices[0].message.content);
  });

  test("log-probabilities, whole and streamed", async () => {
    const sampling = { max_tokens: 6, seed: 1, ignore_eos: true };
    const request = { model, messages: question, ...sampling, logprobs: true, top_logprobs: 3 };
    const whole = await client.chat.completions.create(request);
    const { content } = whole.choices[0].logprobs;
    assert.equal(content.length, 6);
    for (const token of content) {
      assert.ok(token.logprob <= 0);
      assert.equal(token.top_logprobs.length, 3);
      assert.ok(token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob);
      assert.ok(token.top_logprobs[0].logprob >= token.logprob);
      assert.equal(new TextDecoder().decode(new Uint8Array(token.bytes)), token.token);
    }
    const bytes = content.flatMap((token) => token.bytes);
    assert.ok(new TextDecoder().decode(new Uint8Array(bytes)).startsWith(whole.choices[0].message.content));
    const chunks = await collect(await client.chat.completions.create({ ...request, stream: true }));
    const streamed = chunks.flatMap((chunk) => chunk.choices[0].logprobs?.content ?? []);
    assert.deepEqual(streamed, content);
  });

  test("the likeliest token is chosen at temperature 0", async () => {
    const request = { model, messages: question, max_tokens: 5, temperature: 0, logprobs: true, top_logprobs: 1 };
    const answer = await client.chat.completions.create({ ...request, ignore_eos: true });
    for (const token of answer.choices[0].logprobs.content) assert.equal(token.token, token.top_logprobs[0].token);
  });

  test("several choices differ, and are the same streamed", async () => {
    const request = { model, messages: question, n: 4, max_tokens: 16, temperature: 1.5, seed: 11, ignore_eos: true };
    const whole = await client.chat.completions.create(request);
    const texts = whole.choices.map((choice) => choice.message.content);
    assert.deepEqual(whole.choices.map((choice) => choice.index), [0, 1, 2, 3]);
    assert.equal(new Set(texts).size, 4);
    assert.equal(whole.usage.completion_tokens, 64);
    const chunks = await collect(await client.chat.completions.create({ ...request, stream: true }));
    assert.deepEqual([0, 1, 2, 3].map((index) => textOf(chunks, index)), texts);
    const ends = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason !== null);
    assert.deepEqual(ends.map((choice) => choice.index).sort(), [0, 1, 2, 3]);
  });

  test("more choices than run at once", async () => {
    const request = { model, messages: question, n: 128, max_tokens: 2, ignore_eos: true };
    const chunks = await collect(await client.chat.completions.create({ ...request, stream: true }));
    const ends = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason === "length");
    assert.equal(ends.length, 128);
  });

  test("end before a stop text", async () => {
    const request = { model, messages: question, max_tokens: 60, seed: 2, ignore_eos: true };
    const whole = (await client.chat.completions.create(request)).choices[0].message.content;
    const stop = whole.slice(10, 13);
    const expected = whole.slice(0, whole.indexOf(stop));
    for (const texts of [stop, ["never in it: \u2603", stop]]) {
      const stopped = await client.chat.completions.create({ ...request, stop: texts });
      assert.equal(stopped.choices[0].finish_reason, "stop");
      assert.equal(stopped.choices[0].message.content, expected);
      const chunks = await collect(await client.chat.completions.create({ ...request, stop: texts, stream: true }));
      assert.equal(textOf(chunks), expected);
      assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    }
  });

  test("a token can be banned or wished for", async () => {
    const request = { model, messages: question, max_tokens: 1, temperature: 0, ignore_eos: true };
    // The vocabulary begins with the visible characters of ASCII, "!" the first.
    const idOf = (character) => character.charCodeAt(0) - "!".charCodeAt(0);
    const wished = await client.chat.completions.create({ ...request, logit_bias: { [idOf("B")]: 100 } });
    assert.equal(wished.choices[0].message.content, "B");
    const banned = Object.fromEntries(Array.from({ length: 361 }, (_, id) => [String(id), -100]));
    delete banned[idOf("k")];
    const left = await client.chat.completions.create({ ...request, logit_bias: banned });
    assert.equal(left.choices[0].message.content, "k");
  });

  test("an abandoned stream is cancelled", async () => {
    const stream = await client.chat.completions.create({
      model,
      messages: question,
      max_tokens: 4000,
      ignore_eos: true,
      stream: true,
    });
    let id;
    for await (const chunk of stream) {
      id = chunk.id;
      if (chunk.choices[0].delta.content) break;
    }
    stream.controller.abort();
    const request = await stateOf(id, ["cancelled", "finished", "failed"]);
    assert.equal(request.state, "cancelled");
    assert.ok(request.generated_tokens < 4000);
  });

  test("every choice of an abandoned stream is cancelled", async () => {
    const controller = new AbortController();
    const request = { model, messages: question, n: 3, max_tokens: 4000, ignore_eos: true, stream: true };
    const stream = await client.chat.completions.create(request, { signal: controller.signal });
    const reader = stream[Symbol.asyncIterator]();
    const { id } = (await reader.next()).value;
    controller.abort();
    for (const name of [id, `${id}-1`, `${id}-2`]) {
      assert.equal((await stateOf(name, ["cancelled", "finished", "failed"])).state, "cancelled");
    }
  });

  test("a request that is cancelled by its name fails", async () => {
    const request = { model, messages: question, max_tokens: 4000, ignore_eos: true, stream: true };
    const stream = await client.chat.completions.create(request);
    const read = async () => {
      for await (const chunk of stream) {
        if (chunk.choices[0].delta.content) await fetch(`${url}/v1/requests/${chunk.id}`, { method: "DELETE" });
      }
    };
    const error = await refusal(read(), OpenAI.APIError);
    assert.equal(error.code, "request_cancelled");
  });

  test("a deadline ends a request", async () => {
    const request = { model, messages: question, max_tokens: 4000, ignore_eos: true, timeout: 0.2 };
    const error = await refusal(client.chat.completions.create(request), OpenAI.APIError);
    assert.equal(error.status, 504);
    assert.equal(error.code, "deadline_exceeded");
  });
});

describe("errors", () => {
  const chat = (more) => client.chat.completions.create({ model, messages: question, max_tokens: 2, ...more });

  test("name the field", async () => {
    const wrong = [
      [{ messages: [] }, "messages"],
      [{ messages: "Hello" }, "messages"],
      [{ messages: [{ role: "king", content: "x" }] }, "messages[0].role"],
      [{ temperature: "hot" }, "temperature"],
      [{ temperature: -1 }, "temperature"],
      [{ top_p: 2 }, "top_p"],
      [{ max_tokens: -2 }, "max_tokens"],
      [{ n: 0 }, "n"],
      [{ n: 1000 }, "n"],
      [{ top_logprobs: 2 }, "top_logprobs"],
      [{ response_format: { type: "xml" } }, "response_format.type"],
      [
        { response_format: { type: "json_schema", json_schema: { name: "n", schema: { pattern: "(a)\\1" } } } },
        "response_format.json_schema.schema",
      ],
      [{ tools: [{ type: "function", function: { parameters: {} } }] }, "tools[0].function.name"],
      [{ colour: "blue" }, "colour"],
    ];
    for (const [fields, param] of wrong) {
      const error = await refusal(chat(fields), OpenAI.BadRequestError);
      assert.equal(error.status, 400);
      assert.equal(error.type, "invalid_request_error");
      assert.equal(error.param, param, error.message);
    }
  });

  test("a token that the vocabulary has not", async () => {
    const error = await refusal(chat({ logit_bias: { 100000: 1 } }), OpenAI.BadRequestError);
    assert.match(error.message, /100000/);
  });

  test("a conversation that the context cannot hold, also streamed", async () => {
    const messages = [{ role: "user", content: "tree ".repeat(6000) }];
    for (const stream of [false, true]) {
      const error = await refusal(chat({ messages, stream }), OpenAI.BadRequestError);
      assert.equal(error.code, "context_length_exceeded");
      assert.match(error.message, /4096/);
    }
  });

  test("embeddings, as numbers and as Base64", async () => {
    const input = ["A story", "Another story", "A story"];
    const { data, usage } = await client.embeddings.create({ model, input, encoding_format: "float" });
    assert.deepEqual(data.map((item) => item.index), [0, 1, 2]);
    assert.ok(usage.prompt_tokens > 3 && usage.total_tokens === usage.prompt_tokens);
    assert.ok(Math.abs(Math.hypot(...data[0].embedding) - 1) < 1e-5);
    assert.deepEqual(data[0].embedding, data[2].embedding);
    assert.notDeepEqual(data[0].embedding, data[1].embedding);
    const decoded = await client.embeddings.create({ model, input: "A story" });  // the client asks for Base64
    assert.deepEqual(decoded.data[0].embedding.map(Math.fround), data[0].embedding.map(Math.fround));
    const shorter = await client.embeddings.create({ model, input: "A story", dimensions: 16 });
    assert.equal(shorter.data[0].embedding.length, 16);
    for (const wrong of [{ input: [] }, { input: "A", dimensions: 1e6 }, { input: "A", encoding_format: "int" }]) {
      await refusal(client.embeddings.create({ model, ...wrong }), OpenAI.BadRequestError);
    }
  });

  test("a path or a method that is not there", async () => {
    assert.equal((await fetch(`${url}/v1/nothing`)).status, 404);
    const response = await fetch(`${url}/v1/chat/completions`);
    assert.equal(response.status, 405);
    assert.ok((await response.json()).error.message);
  });
});

describe("completions", () => {
  const prompt = "The little tree";

  test("continue a text, 16 tokens unless told otherwise", async () => {
    const answer = await client.completions.create({ model, prompt, seed: 1, ignore_eos: true });
    assert.match(answer.id, /^cmpl-/);
    assert.equal(answer.object, "text_completion");
    assert.equal(answer.usage.completion_tokens, 16);
    assert.equal(answer.choices[0].finish_reason, "length");
    assert.ok(answer.choices[0].text.length > 0);
  });

  test("echo the prompt if asked, whole and streamed", async () => {
    const request = { model, prompt, seed: 1, ignore_eos: true };
    const plain = await client.completions.create(request);
    const echoed = await client.completions.create({ ...request, echo: true });
    assert.equal(echoed.choices[0].text, prompt + plain.choices[0].text);
    const chunks = await collect(await client.completions.create({ ...request, echo: true, stream: true }));
    assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), echoed.choices[0].text);
  });

  test("log-probabilities in the old format", async () => {
    const request = { model, prompt, max_tokens: 5, logprobs: 2, seed: 1, ignore_eos: true };
    const [choice] = (await client.completions.create(request)).choices;
    const { tokens, token_logprobs: values, top_logprobs: top, text_offset: offsets } = choice.logprobs;
    assert.equal(tokens.length, 5);
    assert.equal(values.length, 5);
    assert.equal(offsets[0], prompt.length);
    tokens.forEach((token, i) => {
      assert.ok(Math.abs(top[i][token] - values[i]) < 1e-6);
      assert.ok(Object.keys(top[i]).length >= 2 && Object.keys(top[i]).length <= 3);
      if (i > 0) assert.ok(offsets[i] >= offsets[i - 1]);
    });
    assert.equal((await client.completions.create({ ...request, logprobs: 0 })).choices[0].logprobs.top_logprobs, null);
  });

  test("a prompt is scored", async () => {
    const request = { model, prompt, max_tokens: 0, echo: true, logprobs: 1 };
    const [choice] = (await client.completions.create(request)).choices;
    assert.equal(choice.text, prompt);
    const { tokens, token_logprobs: values } = choice.logprobs;
    assert.equal(tokens.length, values.length);
    assert.equal(values[0], null);
    assert.ok(values.slice(1).every((value) => value <= 0));
  });

  test("several prompts with several choices", async () => {
    const request = { model, max_tokens: 4, seed: 9, temperature: 1.5, ignore_eos: true };
    const many = await client.completions.create({ ...request, prompt: [prompt, "She said"], n: 2 });
    assert.deepEqual(many.choices.map((choice) => choice.index), [0, 1, 2, 3]);
    const alone = await client.completions.create({ ...request, prompt: "She said", n: 2 });
    assert.deepEqual(many.choices.slice(2).map((choice) => choice.text), alone.choices.map((choice) => choice.text));
    assert.equal(many.usage.completion_tokens, 16);
  });

  test("take tokens", async () => {
    const request = { model, max_tokens: 4, seed: 9, ignore_eos: true };
    const one = await client.completions.create({ ...request, prompt: [60, 61, 62] });
    assert.equal(one.usage.prompt_tokens, 3);
    const two = await client.completions.create({ ...request, prompt: [[60, 61, 62], [70]] });
    assert.equal(two.choices.length, 2);
    assert.equal(two.choices[0].text, one.choices[0].text);
    await refusal(client.completions.create({ ...request, prompt: [100000] }), OpenAI.BadRequestError);
  });

  test("what is not there is refused", async () => {
    for (const fields of [{ suffix: "end" }, { best_of: 3 }, { logprobs: 9 }]) {
      await refusal(client.completions.create({ model, prompt, ...fields }), OpenAI.BadRequestError);
    }
  });
});

describe("responses", () => {
  const request = { instructions: "Be brief.", input: "Tell me a story.", max_output_tokens: 12, ignore_eos: true };

  test("answer", async () => {
    const answer = await client.responses.create({ model, ...request, seed: 4 });
    assert.match(answer.id, /^resp_/);
    assert.equal(answer.status, "incomplete");
    assert.equal(answer.incomplete_details.reason, "max_output_tokens");
    assert.ok(answer.output_text.length > 0);
    assert.equal(answer.usage.output_tokens, 12);
    // The same conversation as a chat has the same answer.
    const chat = await client.chat.completions.create({
      model,
      messages: question,
      max_tokens: 12,
      seed: 4,
      ignore_eos: true,
    });
    assert.equal(answer.output_text, chat.choices[0].message.content);
  });

  test("stream semantic events", async () => {
    const whole = await client.responses.create({ model, ...request, seed: 4 });
    const events = await collect(await client.responses.create({ model, ...request, seed: 4, stream: true }));
    events.forEach((event, i) => assert.equal(event.sequence_number, i));
    const types = events.map((event) => event.type).filter((type, i, all) => type !== all[i - 1]);
    assert.deepEqual(types, [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.incomplete",
    ]);
    const deltas = events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta);
    assert.equal(deltas.join(""), whole.output_text);
    assert.equal(events.at(-1).response.usage.output_tokens, 12);
  });

  test("the client's own stream helper puts the events together", async () => {
    const whole = await client.responses.create({ model, ...request, seed: 4 });
    const streamed = await client.responses.stream({ model, ...request, seed: 4 }).finalResponse();
    assert.equal(streamed.output_text, whole.output_text);
  });

  test("take a conversation, the earlier answer included", async () => {
    const first = await client.responses.create({ model, ...request, seed: 4 });
    const input = [{ role: "user", content: "Tell me a story." }, ...first.output, { role: "user", content: "On." }];
    const second = await client.responses.create({ model, ...request, input });
    assert.ok(second.usage.input_tokens > first.usage.input_tokens);
  });

  test("take what an agent keeps of its turns", async () => {
    const input = [{ role: "user", content: "Tell me a story." },
                   { type: "reasoning", id: "r", summary: [], content: [{ type: "reasoning_text", text: "?" }] },
                   { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
                   { type: "function_call_output", call_id: "1", output: "2" }];
    const answer = await client.responses.create({ model, ...request, input, truncation: "auto" });
    const { input_tokens: count } = await client.responses.inputTokens.count(
      { model, input, instructions: request.instructions });
    assert.equal(answer.usage.input_tokens, count);
  });

  test("are remembered, and gone on from", async () => {
    const first = await client.responses.create({ model, ...request });
    assert.equal(first.store, true);
    assert.deepEqual((await client.responses.retrieve(first.id)).output, first.output);
    const second = await client.responses.create({ model, ...request, input: "More!", previous_response_id: first.id });
    assert.equal(second.previous_response_id, first.id);
    assert.ok(second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens);
    const items = [];
    for await (const item of client.responses.inputItems.list(second.id, { order: "asc", limit: 2 })) items.push(item);
    assert.deepEqual(items.map((item) => item.role), ["user", "assistant", "user"]);
    const referred = await client.responses.create(
      { model, ...request, input: [{ role: "user", content: "Again." },
                                   { type: "item_reference", id: first.output.at(-1).id },
                                   { role: "user", content: "More!" }] });
    assert.ok(referred.usage.input_tokens > first.usage.input_tokens);
    const conversation = await client.conversations.create({ items: [{ role: "user", content: "Hello." }] });
    await client.responses.create({ model, ...request, conversation: conversation.id });
    const page = await client.conversations.items.list(conversation.id, { order: "asc" });
    assert.deepEqual(page.data.map((item) => item.role), ["user", "user", "assistant"]);
    await client.conversations.delete(conversation.id);
    await refusal(client.conversations.retrieve(conversation.id), OpenAI.NotFoundError);
    await client.responses.delete(first.id);
    await refusal(client.responses.retrieve(first.id), OpenAI.NotFoundError);
  });

  test("what is not there cannot be gone on from", async () => {
    const forgotten = await client.responses.create({ model, ...request, store: false });
    for (const fields of [{ previous_response_id: "resp_1" }, { previous_response_id: forgotten.id },
                          { conversation: "conv_1" }, { background: true }]) {
      await refusal(client.responses.create({ model, ...request, ...fields }), OpenAI.BadRequestError);
    }
    await refusal(client.responses.retrieve(forgotten.id), OpenAI.NotFoundError);
    await refusal(client.responses.cancel(forgotten.id), OpenAI.NotFoundError);
  });
});

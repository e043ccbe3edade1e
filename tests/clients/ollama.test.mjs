// Ollama's client, unchanged, against `hearth serve`: what an application of theirs does and sees.
import assert from "node:assert/strict";
import test from "node:test";

import { Ollama } from "ollama";

const url = process.env.HEARTH_URL;
const client = new Ollama({ host: url });
const model = (await client.list()).models[0].name;

const options = { temperature: 0, num_predict: 24 };
const prompt = "Tell me of one little bird that was happy.";
const messages = [{ role: "system", content: "You tell short stories." }, { role: "user", content: prompt }];

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

// The end of an answer that has one.
function checkEnd(end) {
  assert.equal(end.done, true);
  assert.ok(["stop", "length"].includes(end.done_reason));
  assert.ok(end.prompt_eval_count > 0);
  assert.ok(end.eval_count > 0 && end.eval_count <= options.num_predict);
  for (const name of ["total_duration", "prompt_eval_duration", "eval_duration"]) assert.ok(end[name] > 0, name);
  assert.equal(end.load_duration, 0);
}

const refused = (call, status, words) => assert.rejects(call, (error) => {
  assert.equal(error.name, "ResponseError");
  assert.equal(error.status_code, status);
  assert.match(error.error, words);
  return true;
});

test("the version", async () => {
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);
});

test("the model is listed, shown, and running", async () => {
  const { models } = await client.list();
  assert.equal(models.length, 1);
  const [{ name, size, digest, details, modified_at }] = models;
  assert.ok(name.endsWith(":latest"));
  assert.ok(size > 0);
  assert.match(digest, /^[0-9a-f]+$/);
  assert.ok(!Number.isNaN(Date.parse(modified_at)));
  assert.equal(details.format, "gguf");
  assert.equal(details.family, "llama");
  assert.match(details.parameter_size, /^\d+(\.\d)?[KMB]$/);
  assert.equal(details.quantization_level, "Q8_0");
  const shown = await client.show({ model });
  assert.deepEqual(shown.details, details);
  assert.equal(shown.model_info["general.architecture"], "llama");
  assert.ok(shown.model_info["llama.context_length"] > 0);
  assert.ok(shown.template.includes("messages"));
  assert.deepEqual(shown.capabilities, ["completion"]);
  const running = (await client.ps()).models;
  assert.equal(running[0].name, name);
  assert.ok(Date.parse(running[0].expires_at) > Date.now());
});

test("an answer to a prompt", async () => {
  const whole = await client.generate({ model, prompt, options });
  checkEnd(whole);
  assert.equal(whole.model, model);
  assert.ok(whole.response.length > 0);
  assert.ok(!Number.isNaN(Date.parse(whole.created_at)));
  assert.equal(whole.context.length, whole.prompt_eval_count + whole.eval_count);
  const parts = await collect(await client.generate({ model, prompt, options, stream: true }));
  const end = parts.pop();
  checkEnd(end);
  assert.ok(parts.every((part) => part.done === false && part.response.length > 0));
  assert.equal(parts.map((part) => part.response).join("") + end.response, whole.response);
  assert.deepEqual(end.context, whole.context);
});

test("the model's name without its tag", async () => {
  const name = model.replace(/:latest$/, "");
  assert.equal((await client.generate({ model: name, prompt, options })).model, name);
});

test("a conversation", async () => {
  const whole = await client.chat({ model, messages, options });
  checkEnd(whole);
  assert.equal(whole.message.role, "assistant");
  assert.ok(whole.message.content.length > 0);
  assert.equal(whole.context, undefined);
  const parts = await collect(await client.chat({ model, messages, options, stream: true }));
  const end = parts.at(-1);
  checkEnd(end);
  assert.ok(parts.every((part) => part.message.role === "assistant"));
  assert.equal(parts.map((part) => part.message.content).join(""), whole.message.content);
});

test("a system text is the first message", async () => {
  const asked = await client.generate({ model, prompt, system: messages[0].content, options });
  assert.equal(asked.response, (await client.chat({ model, messages, options })).message.content);
});

test("an answer goes on from a final assistant message", async () => {
  const plain = await client.chat({ model, messages, options });
  const begun = await client.chat({ model, messages: [...messages, { role: "assistant", content: "Once" }], options });
  assert.ok(begun.prompt_eval_count > plain.prompt_eval_count);
});

test("a prompt goes on from a context", async () => {
  const first = await client.generate({ model, prompt, options });
  const alone = await client.generate({ model, prompt: "And then?", options });
  const second = await client.generate({ model, prompt: "And then?", context: first.context, options });
  assert.ok(second.prompt_eval_count > first.context.length);
  assert.ok(second.prompt_eval_count <= first.context.length + alone.prompt_eval_count);
  assert.deepEqual(second.context.slice(0, first.context.length), first.context);
});

test("a raw prompt is not put into the template", async () => {
  const raw = await client.generate({ model, prompt: "bird", raw: true, options });
  const templated = await client.generate({ model, prompt: "bird", options });
  assert.ok(raw.prompt_eval_count < templated.prompt_eval_count);
});

test("a stop text ends the answer before it", async () => {
  const text = (await client.generate({ model, prompt, options })).response;
  const characters = [...text];
  const middle = Math.floor(characters.length / 2);
  const stop = characters.slice(middle, middle + 3).join("");
  const request = { model, prompt, options: { ...options, stop: [stop] } };
  const whole = await client.generate(request);
  assert.equal(whole.response, text.slice(0, text.indexOf(stop)));
  assert.equal(whole.done_reason, "stop");
  const parts = await collect(await client.generate({ ...request, stream: true }));
  assert.equal(parts.map((part) => part.response).join(""), whole.response);
});

test("num_predict ends the answer", async () => {
  const whole = await client.generate({ model, prompt, options: { ...options, num_predict: 1 } });
  assert.equal(whole.eval_count, 1);
  assert.ok(["length", "stop"].includes(whole.done_reason));
});

test("one seed, one answer", async () => {
  const draw = async (seed) => (await client.generate({
    model, prompt, options: { temperature: 2, top_k: 0, num_predict: 24, seed } })).response;
  assert.equal(await draw(7), await draw(7));
  assert.notEqual(await draw(7), await draw(8));
});

test("log-probabilities", async () => {
  const request = { model, messages, options: { ...options, num_predict: 4 }, logprobs: true, top_logprobs: 2 };
  const whole = await client.chat(request);
  assert.equal(whole.logprobs.length, whole.eval_count);
  for (const { logprob, top_logprobs } of whole.logprobs) {
    assert.ok(logprob <= 0);
    assert.equal(top_logprobs.length, 2);
    assert.ok(top_logprobs[0].logprob >= top_logprobs[1].logprob);
    assert.equal(top_logprobs[0].logprob, logprob);
  }
  const parts = await collect(await client.chat({ ...request, stream: true }));
  assert.deepEqual(parts.flatMap((part) => part.logprobs ?? []), whole.logprobs);
});

test("a request for nothing loads the model", async () => {
  const loaded = await client.generate({ model, prompt: "" });
  assert.equal(loaded.done_reason, "load");
  assert.equal(loaded.done, true);
  assert.equal((await client.chat({ model, messages: [] })).done_reason, "load");
});

test("what is wrong is said as Ollama says it", async () => {
  for (const stream of [false, true]) {
    await refused(client.generate({ model: "nobody", prompt, stream }), 404, /^model 'nobody' not found/);
    await refused(client.chat({ model: "nobody", messages, stream }), 404, /^model 'nobody' not found/);
    await refused(client.generate({ model, prompt: "bird ".repeat(20000), stream }), 400,
                  /\d{4,} tokens; the context has \d+/);
  }
  await refused(client.show({ model: "nobody" }), 404, /not found/);
  await refused(client.generate({ model, prompt, format: { type: "x" } }), 400, /format/);
  await refused(client.generate({ model, prompt, options: { mirostat: 1 } }), 400, /mirostat/);
  await refused(client.generate({ model, prompt, options: { temperature: -1 } }), 400, /temperature/);
  await refused(client.generate({ model, prompt, suffix: "end" }), 400, /suffix/);
  await refused(client.chat({ model, messages: [{ role: "robot", content: "A" }] }), 400, /role/);
  const tools = [{ type: "function", function: { parameters: { type: "object", properties: {} } } }];
  await refused(client.chat({ model, messages, tools }), 400, /tools\[0\]\.function\.name/);
});

test("what is not there is said", async () => {
  const calls = [() => client.pull({ model }), () => client.delete({ model }),
                 () => client.copy({ source: model, destination: "b" })];
  for (const call of calls) {
    await assert.rejects(call(), (error) => error.status_code === 501 && /not available/.test(error.error));
  }
});

test("embeddings", async () => {
  const { embeddings, prompt_eval_count } = await client.embed({ model, input: ["A story", "Another story", "A story"] });
  assert.equal(embeddings.length, 3);
  assert.ok(prompt_eval_count > 3);
  const length = Math.hypot(...embeddings[0]);
  assert.ok(Math.abs(length - 1) < 1e-5, String(length));
  assert.deepEqual(embeddings[0], embeddings[2]);
  assert.notDeepEqual(embeddings[0], embeddings[1]);
  const { embedding } = await client.embeddings({ model, prompt: "Another story" });
  assert.deepEqual(embedding, embeddings[1]);
  await refused(client.embed({ model, input: [] }), 400, /input/);
  await refused(client.embed({ model, input: "A", dimensions: 1000000 }), 400, /dimensions/);
});

test("an answer that is no longer wanted ends", async () => {
  const stream = await client.generate({ model, prompt, stream: true, options: { ignore_eos: true } });
  await assert.rejects(async () => {
    for await (const part of stream) {
      assert.equal(part.done, false);
      stream.abort();
    }
  }, { name: "AbortError" });
  let running;
  for (let i = 0; i < 200; ++i) {
    const page = await (await fetch(`${url}/metrics`)).text();
    running = Number(page.match(/^hearth:num_requests_running(?:\{.*\})? (\S+)$/m)[1]);
    if (running === 0) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.equal(running, 0);
});

test("an answer that was cancelled says so", async () => {
  const response = await fetch(`${url}/api/generate`, {
    method: "POST", body: JSON.stringify({ model, prompt, options: { ignore_eos: true } }) });
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const id = response.headers.get("x-request-id");
  await fetch(`${url}/v1/requests/ollama-${id}`, { method: "DELETE" });
  const lines = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.match(lines.at(-1).error, /cancelled/);
});

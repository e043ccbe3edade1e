// A chat request of OpenAI's API out of the messages that lead to an answer and the settings it is asked for with. The
// same messages and settings give the same request, which with its seed has the same answer.
import { fenced } from '../state/transfer';
import type { AnswerSettings, Message } from '../state/types';

export type Request = Record<string, unknown>;

const ALTERNATIVES = 5;

// Seeds that JavaScript's numbers hold exactly.
export function drawnSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high! & 0xfffff) * 2 ** 32 + low!;
}

// What is wrong with the settings, in words; '': nothing.
export function mistakeIn(settings: AnswerSettings): string {
  if (settings.form === 'schema' && parsed(settings.formText) === undefined) return 'The schema is no JSON.';
  if ((settings.form === 'regex' || settings.form === 'grammar') && !settings.formText.trim()) {
    return `The ${settings.form === 'regex' ? 'pattern' : 'grammar'} is empty.`;
  }
  if (settings.tools.trim() && !Array.isArray(parsed(settings.tools))) return 'The tools are no list in JSON.';
  return '';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function formFields({ form, formText }: AnswerSettings): Request {
  switch (form) {
    case 'none':
      return {};
    case 'json':
      return { response_format: { type: 'json_object' } };
    case 'schema':
      return { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: parsed(formText) } } };
    case 'regex':
      return { guided_regex: formText };
    case 'grammar':
      return { grammar: formText };
  }
}

// A tool as OpenAI's API has it; one that is told flat is wrapped.
function tool(given: any): unknown {
  return given?.type || !given?.name ? given : { type: 'function', function: given };
}

function asSent(message: Message): Request {
  if (message.role === 'tool') return { role: 'tool', tool_call_id: message.callId ?? '', content: message.text };
  if (message.role === 'user') {
    return { role: 'user', content: [...(message.files ?? []).map(fenced), message.text].filter(Boolean).join('\n\n') };
  }
  const sent: Request = { role: 'assistant', content: message.text };
  if (message.reasoning) sent.reasoning_content = message.reasoning;
  if (message.calls?.length) {
    sent.tool_calls = message.calls.map(({ id, name, arguments: written }) => ({
      id,
      type: 'function',
      function: { name, arguments: written },
    }));
  }
  return sent;
}

// `path`: the messages before the answer. `prefix`: what the answer is to go on from; '': nothing.
export function chatRequest(path: Message[], settings: AnswerSettings, prefix: string): Request {
  const messages = path.map(asSent);
  if (settings.system.trim()) messages.unshift({ role: 'system', content: settings.system });
  const request: Request = { messages, stream: true, stream_options: { include_usage: true }, ...settings.sampling };
  if (prefix) {
    messages.push({ role: 'assistant', content: prefix });
    request.continue_final_message = true;
    request.add_generation_prompt = false;
  }
  if (settings.model) request.model = settings.model;
  if (settings.seed !== null) request.seed = settings.seed;
  if (settings.maxTokens !== null) request.max_tokens = settings.maxTokens;
  if (settings.stop.length > 0) request.stop = settings.stop;
  if (settings.thinking !== 'auto') request.enable_thinking = settings.thinking === 'on';
  if (settings.tools.trim()) request.tools = (parsed(settings.tools) as unknown[]).map(tool);
  if (settings.logprobs) Object.assign(request, { logprobs: true, top_logprobs: ALTERNATIVES });
  return { ...request, ...formFields(settings) };
}

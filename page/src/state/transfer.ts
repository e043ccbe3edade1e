// Conversations as files: written as JSON or Markdown, read back from JSON. What is read may come from anywhere: every
// value is checked and copied into objects made here, with new ids, and nothing else of the file is kept.
import { newConversation, newId, shownPath, shownTitle } from './conversation';
import {
  plainSettings,
  type AnswerFacts,
  type AnswerSettings,
  type AttachedFile,
  type Conversation,
  type FormKind,
  type Message,
  type Role,
  type Thinking,
  type Token,
  type TokenChoice,
  type ToolCall,
} from './types';

const FORMAT = 'hearth-conversations';
const MESSAGES_MAX = 20_000;
const FORMS: readonly string[] = ['none', 'json', 'schema', 'regex', 'grammar'];

type Unknown = Record<string, unknown>;

function isObject(value: unknown): value is Unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const objects = (value: unknown): Unknown[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number | null => (typeof value === 'number' && isFinite(value) ? value : null);

export function readSettings(value: unknown): AnswerSettings {
  const settings = plainSettings();
  if (!isObject(value)) return settings;
  settings.model = text(value.model);
  settings.system = text(value.system);
  settings.seed = number(value.seed);
  settings.maxTokens = number(value.maxTokens);
  if (isObject(value.sampling)) {
    for (const [name, setting] of Object.entries(value.sampling)) {
      if (/^[a-z][a-z_]{0,40}$/.test(name) && number(setting) !== null) settings.sampling[name] = setting as number;
    }
  }
  if (Array.isArray(value.stop)) settings.stop = value.stop.filter((each) => typeof each === 'string').slice(0, 64);
  if (value.thinking === 'on' || value.thinking === 'off') settings.thinking = value.thinking satisfies Thinking;
  if (FORMS.includes(text(value.form))) settings.form = value.form as FormKind;
  settings.formText = text(value.formText);
  settings.tools = text(value.tools);
  settings.logprobs = value.logprobs === true;
  return settings;
}

function readChoice(value: Unknown): TokenChoice {
  const bytes = Array.isArray(value.bytes) ? value.bytes.filter((each) => Number.isInteger(each)) : null;
  return { text: text(value.text), bytes, logprob: number(value.logprob) ?? 0 };
}

function readToken(value: Unknown): Token {
  return { ...readChoice(value), alternatives: objects(value.alternatives).map(readChoice) };
}

function readFacts(value: Unknown): AnswerFacts {
  const count = (name: string) => number(value[name]) ?? 0;
  return {
    model: text(value.model),
    fingerprint: text(value.fingerprint),
    promptTokens: count('promptTokens'),
    cachedTokens: count('cachedTokens'),
    tokens: count('tokens'),
    firstTokenMs: count('firstTokenMs'),
    totalMs: count('totalMs'),
  };
}

function readAnswer(value: Unknown, message: Message) {
  message.state = value.state === 'failed' ? 'failed' : value.state === 'done' ? 'done' : 'stopped';
  if (value.reasoning) message.reasoning = text(value.reasoning);
  if (number(value.reasoningMs) !== null) message.reasoningMs = value.reasoningMs as number;
  if (value.error) message.error = text(value.error);
  if (value.finish) message.finish = text(value.finish);
  if (value.prefix) message.prefix = text(value.prefix);
  const calls: ToolCall[] = objects(value.calls).map((call) => ({
    id: text(call.id),
    name: text(call.name),
    arguments: text(call.arguments),
  }));
  if (calls.length > 0) message.calls = calls;
  if (isObject(value.asked)) message.asked = readSettings(value.asked);
  if (isObject(value.facts)) message.facts = readFacts(value.facts);
  if (Array.isArray(value.tokens)) message.tokens = objects(value.tokens).map(readToken);
}

function readMessage(value: Unknown, role: Role, parent: string): Message {
  const message: Message = { id: newId(), parent, role, text: text(value.text), created: number(value.created) ?? 0 };
  const files: AttachedFile[] = objects(value.files).map((file) => ({ name: text(file.name), text: text(file.text) }));
  if (files.length > 0) message.files = files;
  if (value.callId) message.callId = text(value.callId);
  if (role === 'assistant') readAnswer(value, message);
  return message;
}

// Also of a file that only has `messages` in a row, as APIs take them.
function readConversation(value: Unknown): Conversation {
  const conversation = newConversation(readSettings(value.settings));
  conversation.title = text(value.title).slice(0, 200);
  conversation.created = number(value.created) ?? conversation.created;
  conversation.updated = number(value.updated) ?? conversation.updated;
  const isRow = Array.isArray(value.messages);
  const given = isRow
    ? objects(value.messages)
    : isObject(value.messages)
      ? objects(Object.values(value.messages))
      : [];
  if (given.length > MESSAGES_MAX) throw new Error(`a conversation of more than ${MESSAGES_MAX} messages`);
  const ids = new Map<string, string>([['', '']]);
  let last = '';
  for (const each of given) {
    const role = each.role;
    if (isRow && role === 'system') conversation.settings.system = text(each.content ?? each.text);
    if (role !== 'user' && role !== 'assistant' && role !== 'tool') continue;
    const parent = isRow ? last : ids.get(text(each.parent));
    if (parent === undefined) continue; // of a message that was none
    const from = isRow ? { ...each, text: each.text ?? each.content, state: each.state ?? 'done' } : each;
    const message = readMessage(from, role, parent);
    conversation.messages[message.id] = message;
    if (!isRow) ids.set(text(each.id), message.id);
    last = message.id;
  }
  if (isObject(value.selected)) {
    for (const [parent, child] of Object.entries(value.selected)) {
      const known = ids.get(parent),
        chosen = ids.get(text(child));
      if (known !== undefined && chosen) conversation.selected[known] = chosen;
    }
  }
  return conversation;
}

// Throws an Error whose message says what is wrong with the file.
export function readFile(contents: string): Conversation[] {
  let value: unknown;
  try {
    value = JSON.parse(contents);
  } catch {
    throw new Error('it is no JSON');
  }
  const list =
    isObject(value) && value.format === FORMAT
      ? objects(value.conversations)
      : isObject(value) && Array.isArray(value.messages)
        ? [value]
        : null;
  if (!list) throw new Error('it has no conversations in it');
  return list.map(readConversation);
}

export function asJson(conversations: Conversation[]): string {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
}

export function asMarkdown(conversation: Conversation): string {
  const parts = [`# ${shownTitle(conversation)}`];
  if (conversation.settings.system) parts.push(`## System\n\n${conversation.settings.system}`);
  const names: Record<Role, string> = { user: 'You', assistant: 'Answer', tool: 'Result of a tool' };
  for (const message of shownPath(conversation)) {
    parts.push(`## ${names[message.role]}`);
    if (message.text) parts.push(message.text);
    for (const file of message.files ?? []) parts.push(fenced(file));
    for (const call of message.calls ?? [])
      parts.push(`Called \`${call.name}\`:\n\n\`\`\`json\n${call.arguments}\n\`\`\``);
  }
  return parts.join('\n\n') + '\n';
}

// A file as part of a message: between fences longer than any in it.
export function fenced(file: AttachedFile): string {
  const runs = file.text.match(/`{3,}/g) ?? [];
  const fence = '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  return `File ${JSON.stringify(file.name)}:\n${fence}\n${file.text.replace(/\n$/, '')}\n${fence}`;
}

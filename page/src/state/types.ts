// What the page keeps: conversations as trees of messages, and how each is to be answered. Messages are values: whoever
// changes one puts another in its place, so that a view knows by identity whether it has to be drawn anew.

export type Role = 'user' | 'assistant' | 'tool';

export interface AttachedFile {
  name: string;
  text: string;
}

export interface ToolCall {
  id: string;
  name: string;
  arguments: string; // JSON, as the model wrote it
}

export interface TokenChoice {
  text: string;
  bytes: number[] | null;
  logprob: number;
}

export interface Token extends TokenChoice {
  alternatives: TokenChoice[];
}

// What was measured of an answer, and what it takes to have it again.
export interface AnswerFacts {
  model: string;
  fingerprint: string;
  promptTokens: number;
  cachedTokens: number;
  tokens: number;
  firstTokenMs: number; // from asking to the first piece
  totalMs: number;
}

export interface Repetition {
  outcome: 'running' | 'same' | 'different' | 'other-fingerprint' | 'failed';
  detail: string;
}

export type AnswerState = 'streaming' | 'done' | 'stopped' | 'failed';

export interface Message {
  id: string;
  parent: string; // '': a conversation's first
  role: Role;
  text: string;
  created: number;
  files?: AttachedFile[]; // user
  callId?: string; // tool: the call that this is the result of
  // Of answers:
  state?: AnswerState;
  reasoning?: string;
  reasoningMs?: number;
  calls?: ToolCall[];
  error?: string;
  finish?: string;
  prefix?: string; // the text that the answer was to go on from
  asked?: AnswerSettings; // how it was asked for, with the seed
  facts?: AnswerFacts;
  tokens?: Token[];
  repetition?: Repetition;
}

export type FormKind = 'none' | 'json' | 'schema' | 'regex' | 'grammar';
export type Thinking = 'auto' | 'on' | 'off';

export interface AnswerSettings {
  model: string; // '': the server's
  system: string;
  sampling: Record<string, number>; // those that differ from the model's defaults
  seed: number | null; // null: drawn for each answer
  maxTokens: number | null;
  stop: string[];
  thinking: Thinking;
  form: FormKind;
  formText: string; // a schema, a pattern or a grammar
  tools: string; // JSON: a list of tools as OpenAI's API has them; '': none
  logprobs: boolean;
}

export interface Conversation {
  id: string;
  title: string;
  created: number;
  updated: number;
  messages: Record<string, Message>;
  selected: Record<string, string>; // of the answers to a message, the one that is shown
  settings: AnswerSettings;
}

export interface Preset {
  name: string;
  settings: AnswerSettings;
}

export function plainSettings(): AnswerSettings {
  return {
    model: '',
    system: '',
    sampling: {},
    seed: null,
    maxTokens: null,
    stop: [],
    thinking: 'auto',
    form: 'none',
    formText: '',
    tools: '',
    logprobs: false,
  };
}

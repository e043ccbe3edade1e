// An answer while it comes: pieces of OpenAI's chat stream gathered into a message.
import type { AnswerFacts, Message, Token, TokenChoice, ToolCall } from '../state/types';
import type { Request } from './chat_request';
import { eventsOf } from './events';
import { ask, ServerError } from './server';

type Piece = Record<string, any>;

// For so long at a time, pieces are read: many may have come while the page did something else.
const BUSY_MS_MAX = 8;

function choiceOf(piece: Piece): TokenChoice {
  return { text: String(piece.token), bytes: piece.bytes ?? null, logprob: Number(piece.logprob) };
}

function tokenOf(piece: Piece): Token {
  return { ...choiceOf(piece), alternatives: (piece.top_logprobs ?? []).map(choiceOf) };
}

// No more than `length` characters of the text, and no half of one.
function beginning(text: string, length: number): string {
  if (length >= text.length) return text;
  const isSplit = /[\ud800-\udbff]/.test(text[length - 1] ?? '');
  return text.slice(0, Math.max(0, isSplit ? length - 1 : length));
}

export class Answer {
  text: string;
  reasoning = '';
  finish = '';
  calls: ToolCall[] = [];
  tokens: Token[] = [];
  private readonly asked = performance.now();
  private firstPiece = 0;
  private lastPiece = 0;
  private reasoningEnd = 0;
  private pieces = 0;
  private facts: AnswerFacts = {
    model: '',
    fingerprint: '',
    promptTokens: 0,
    cachedTokens: 0,
    tokens: 0,
    firstTokenMs: 0,
    totalMs: 0,
  };

  constructor(prefix: string) {
    this.text = prefix;
  }

  // Characters that have come, of thoughts and text.
  get length(): number {
    return this.reasoning.length + this.text.length;
  }

  // The message with what has come so far; of thoughts and text, with no more than `limit` characters.
  into(message: Message, limit = Infinity): Message {
    const facts = { ...this.facts, totalMs: (this.lastPiece || performance.now()) - this.asked };
    if (this.firstPiece > 0) facts.firstTokenMs = this.firstPiece - this.asked;
    // Until the server has counted: pieces are tokens, or a few.
    if (facts.tokens === 0) facts.tokens = this.pieces;
    const made: Message = { ...message, text: beginning(this.text, limit - this.reasoning.length), facts };
    if (this.reasoning) {
      made.reasoning = beginning(this.reasoning, limit);
      made.reasoningMs = (this.reasoningEnd || performance.now()) - (this.firstPiece || this.asked);
    }
    if (this.calls.length > 0) made.calls = this.calls.map((call) => ({ ...call }));
    if (this.tokens.length > 0) made.tokens = this.tokens;
    if (this.finish) made.finish = this.finish;
    return made;
  }

  add(piece: Piece) {
    if (piece.error) throw new ServerError(Number(piece.error.status) || 500, String(piece.error.message));
    this.facts.model = String(piece.model ?? this.facts.model);
    this.facts.fingerprint = String(piece.system_fingerprint ?? this.facts.fingerprint);
    if (piece.usage) {
      this.facts.promptTokens = Number(piece.usage.prompt_tokens) || 0;
      this.facts.cachedTokens = Number(piece.usage.prompt_tokens_details?.cached_tokens) || 0;
      this.facts.tokens = Number(piece.usage.completion_tokens) || 0;
    }
    const choice = piece.choices?.[0];
    if (!choice) return;
    const { content, reasoning_content: thought, tool_calls: calls } = choice.delta ?? {};
    if (content || thought || calls?.length) {
      this.firstPiece ||= performance.now();
      this.lastPiece = performance.now();
      this.pieces += 1;
    }
    if (thought) this.reasoning += thought;
    if (content || calls?.length) this.reasoningEnd ||= performance.now();
    if (content) this.text += content;
    for (const call of calls ?? []) this.addCall(call);
    for (const token of choice.logprobs?.content ?? []) this.tokens.push(tokenOf(token));
    if (choice.finish_reason) this.finish = choice.finish_reason;
  }

  private addCall(piece: Piece) {
    const call = (this.calls[Number(piece.index) || 0] ??= { id: '', name: '', arguments: '' });
    if (piece.id) call.id = String(piece.id);
    call.name += piece.function?.name ?? '';
    call.arguments += piece.function?.arguments ?? '';
  }
}

// Lets the browser do what else it has to do.
function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

// Asks, and calls `changed` after each batch of pieces. Throws as `ask` does.
export async function readAnswer(request: Request, answer: Answer, changed: () => void, signal: AbortSignal) {
  const reply = await ask('v1/chat/completions', request, signal);
  let began = performance.now();
  for await (const batch of eventsOf(reply.body!)) {
    for (const data of batch) {
      if (data === '[DONE]') return;
      answer.add(JSON.parse(data));
      if (performance.now() - began < BUSY_MS_MAX) continue;
      await aMoment();
      began = performance.now();
    }
    changed();
  }
  throw new ServerError(0, 'The connection broke before the answer’s end.');
}

// The server that the page came from, asked with the key that the user gave.
import { apiKey } from '../state/preferences';

export class ServerError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code = '',
  ) {
    super(message);
  }
}

export interface ServedModel {
  id: string;
  context: number;
  about: string;
}

export interface ServerFacts {
  context: number;
  sampling: Record<string, number>; // the model's defaults
  device: string;
}

// Throws ServerError where the server refuses or cannot be reached; an AbortError where `signal` says so.
export async function ask(path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  const key = apiKey();
  if (key) headers['authorization'] = `Bearer ${key}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const init: RequestInit = { method: body === undefined ? 'GET' : 'POST', headers, cache: 'no-store' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal) init.signal = signal;
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServerError(0, 'The server cannot be reached.');
  }
  if (!answer.ok) throw await failureOf(answer);
  return answer;
}

async function failureOf(answer: Response): Promise<ServerError> {
  const text = await answer.text().catch(() => '');
  try {
    const { error } = JSON.parse(text);
    return new ServerError(answer.status, String(error.message), String(error.code ?? ''));
  } catch {
    return new ServerError(answer.status, text.slice(0, 500) || `HTTP ${answer.status}`);
  }
}

// 1: ready; less: how much of the model is loaded.
export async function readiness(): Promise<number> {
  let answer: Response;
  try {
    answer = await fetch('ready', { cache: 'no-store' });
  } catch {
    throw new ServerError(0, 'The server cannot be reached.');
  }
  if (answer.ok) return 1;
  const body = await answer.json().catch(() => ({}));
  if (body.status === 'draining') throw new ServerError(503, 'The server is shutting down.');
  return Math.min(0.999, Number(body.progress) || 0);
}

export async function servedModels(): Promise<ServedModel[]> {
  const { data } = await (await ask('v1/models')).json();
  return (data as Record<string, any>[]).map((each) => ({
    id: String(each.id),
    context: Number(each.context_length) || 0,
    about: [each.meta?.architecture, each.meta?.format, parameterCount(Number(each.meta?.n_params) || 0)]
      .filter(Boolean)
      .join(', '),
  }));
}

export async function serverFacts(): Promise<ServerFacts> {
  const props = await (await ask('props')).json();
  const sampling: Record<string, number> = {};
  for (const [name, value] of Object.entries(props.sampling ?? {})) {
    if (typeof value === 'number') sampling[name] = value;
  }
  return { context: Number(props.context) || 0, sampling, device: String(props.device ?? '') };
}

export function parameterCount(count: number): string {
  if (count <= 0) return '';
  if (count >= 1e9) return `${(count / 1e9).toPrecision(2)} billion parameters`;
  return `${(count / 1e6).toPrecision(2)} million parameters`;
}

// The tools that an answer called. The page runs none: the user says what came of it, and the answer goes on.
import { useState } from 'preact/hooks';
import { CodeBlock } from '../markdown/code';
import { sendResults } from '../state/answering';
import type { Message } from '../state/types';
import { indented } from './json';

export function ToolCalls({ message, isOpen }: { message: Message; isOpen: boolean }) {
  const calls = message.calls!;
  const [results, setResults] = useState<string[]>([]);
  const setResult = (at: number, text: string) =>
    setResults(calls.map((_, each) => (each === at ? text : (results[each] ?? ''))));
  return (
    <div class="calls">
      {calls.map((call, at) => (
        <section class="call" key={at} aria-label={`Call of ${call.name}`}>
          <p>
            Calls <code>{call.name}</code>
          </p>
          <CodeBlock language="json" text={indented(call.arguments)} />
          {isOpen && (
            <textarea
              aria-label={`Result of ${call.name}`}
              placeholder="What it gives back"
              rows={2}
              value={results[at] ?? ''}
              onInput={(event) => setResult(at, event.currentTarget.value)}
            />
          )}
        </section>
      ))}
      {isOpen && (
        <button type="button" class="primary" onClick={() => sendResults(message, results)}>
          {calls.length === 1 ? 'Send the result' : 'Send the results'}
        </button>
      )}
    </div>
  );
}

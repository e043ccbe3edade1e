// Server-sent events out of an answer's body: the data of each, in lists of those that came together. Format: the
// HTML standard's event streams, as far as APIs of models use them (no ids, no retrying).

export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string[]> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = '';
  let data: string[] = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      // A lone CR at the end may be half of a CRLF.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop()!;
      const events: string[] = [];
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) events.push(data.join('\n'));
          data = [];
        } else if (line.startsWith('data:')) {
          data.push(line.slice(line[5] === ' ' ? 6 : 5));
        }
      }
      yield events;
    }
  } finally {
    // Whoever stops listening closes the connection, which cancels the request.
    await reader.cancel().catch(() => {});
  }
}

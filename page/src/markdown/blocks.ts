// A text in Markdown that grows, split into its blocks. Text that is appended changes the last block alone (but for
// links to references that are defined later), so only that one is read again: an answer of ten thousand tokens costs no
// more at its end than at its beginning. Long tables are blocks of so many rows, each with the table's head.
import type { Token } from 'markdown-it';
import { parser } from './parser';

const ROWS_MAX = 64;

export interface Block {
  key: number;
  tokens: Token[];
}

export class BlockReader {
  private done: Block[] = [];
  private source = '';
  private readFrom = 0; // of `source`: where the last block begins
  private head = ''; // that of the table whose rows the last block has
  private env = {};

  // All blocks of `source`. Those that are known from the call before, and over, are the same objects.
  read(source: string): Block[] {
    if (!source.startsWith(this.source)) {
      this.done = [];
      this.readFrom = 0;
      this.head = '';
      this.env = {};
    }
    this.source = source;
    const rest = this.head + source.slice(this.readFrom);
    const blocks = blocksOf(parser.parse(rest, this.env));
    if (this.head) markAsPart(blocks[0]);
    const parts = blocks.flatMap(partsOf);
    const last = parts.pop();
    if (!last) return [...this.done];
    if (parts.length > 0) {
      for (const tokens of parts) this.done.push({ key: this.done.length, tokens });
      this.goOnWith(last, rest);
    }
    return [...this.done, { key: this.done.length, tokens: last }];
  }

  // The next time, reading begins with this block.
  private goOnWith(block: Token[], rest: string) {
    const isPart = block[0]?.meta?.isPart === true;
    const line = (isPart ? block[rowsOf(block)[0]!] : block[0])?.map?.[0] ?? 0;
    const offset = offsetOfLine(rest, line) - this.head.length;
    const start = block[0]?.map?.[0] ?? 0;
    this.head = isPart ? rest.slice(offsetOfLine(rest, start), offsetOfLine(rest, start + 2)) : '';
    this.readFrom += offset;
  }
}

function blocksOf(tokens: Token[]): Token[][] {
  const blocks: Token[][] = [];
  let depth = 0;
  for (const token of tokens) {
    if (depth === 0) blocks.push([]);
    blocks.at(-1)!.push(token);
    depth += token.nesting;
  }
  return blocks;
}

function markAsPart(block: Token[] | undefined) {
  if (block?.[0]?.type === 'table_open' && rowsOf(block).length > 0) block[0].meta = { isPart: true };
}

// Where the rows of a table's body begin.
function rowsOf(block: Token[]): number[] {
  const body = block.findIndex((token) => token.type === 'tbody_open');
  if (body < 0) return [];
  return block.flatMap((token, at) => (at > body && token.type === 'tr_open' ? [at] : []));
}

function partsOf(block: Token[]): Token[][] {
  const rows = block[0]?.type === 'table_open' ? rowsOf(block) : [];
  if (rows.length <= ROWS_MAX) return [block];
  markAsPart(block);
  const head = block.slice(0, rows[0]),
    tail = block.slice(-2);
  const parts: Token[][] = [];
  for (let row = 0; row < rows.length; row += ROWS_MAX) {
    parts.push([...head, ...block.slice(rows[row], rows[row + ROWS_MAX] ?? -2), ...tail]);
  }
  return parts;
}

function offsetOfLine(text: string, line: number): number {
  let offset = 0;
  for (let count = 0; count < line; count += 1) offset = text.indexOf('\n', offset) + 1;
  return offset;
}

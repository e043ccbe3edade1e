// Markdown as markdown-it reads it (CommonMark with tables and strikethrough), with mathematics: $…$, $$…$$, \(…\)
// and \[…\]. HTML is text. What comes out are tokens; content.tsx makes elements of them, and nothing ever makes
// HTML.
import MarkdownIt from 'markdown-it';
import type { StateBlock, StateInline } from 'markdown-it';

export const parser = new MarkdownIt({ html: false, linkify: true, breaks: false });
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
// Whether an address may be followed is content.tsx's to say; the text of a link that may not is shown.
parser.validateLink = () => true;

const DOLLAR = 0x24,
  BACKSLASH = 0x5c;

// The place where `closing` begins, not after a backslash; -1: nowhere.
function closingAt(text: string, closing: string, from: number): number {
  for (let at = text.indexOf(closing, from); at >= 0; at = text.indexOf(closing, at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}

// "$5 and $6" is no mathematics: as in pandoc, no space inside at either end, and no digit after it.
function isDollarMath(text: string, from: number, to: number): boolean {
  const inner = text.slice(from, to);
  return inner.length > 0 && !/^\s|\s$/.test(inner) && !/[0-9]/.test(text[to + 1] ?? '');
}

const INLINE_MARKS = [
  ['$$', '$$', true],
  ['$', '$', false],
  ['\\(', '\\)', false],
  ['\\[', '\\]', true],
] as const;

function inlineMath(state: StateInline, silent: boolean): boolean {
  const first = state.src.charCodeAt(state.pos);
  if (first !== DOLLAR && first !== BACKSLASH) return false;
  for (const [opening, closing, isDisplay] of INLINE_MARKS) {
    if (!state.src.startsWith(opening, state.pos)) continue;
    const from = state.pos + opening.length;
    const to = closingAt(state.src, closing, from);
    if (to < 0 || to > state.posMax) continue;
    if (opening === '$' && !isDollarMath(state.src, from, to)) continue;
    if (!silent) {
      const token = state.push('math', 'math', 0);
      token.content = state.src.slice(from, to);
      token.meta = { isDisplay };
    }
    state.pos = to + closing.length;
    return true;
  }
  return false;
}

// A block that begins with $$ or \[ and goes on, over empty lines too, to the line that ends with its counterpart.
function blockMath(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  if (state.sCount[startLine]! - state.blkIndent >= 4) return false;
  const start = state.bMarks[startLine]! + state.tShift[startLine]!;
  const opening = state.src.slice(start, start + 2);
  if (opening !== '$$' && opening !== '\\[') return false;
  const closing = opening === '$$' ? '$$' : '\\]';
  for (let line = startLine; line < endLine; line += 1) {
    if (line > startLine && state.sCount[line]! < state.blkIndent && !state.isEmpty(line)) return false;
    const from = line === startLine ? start + 2 : state.bMarks[line]!;
    const text = state.src.slice(from, state.eMarks[line]!).trimEnd();
    if (!text.endsWith(closing)) {
      if (text.includes(closing)) return false; // text goes on after it: inline
      continue;
    }
    if (silent) return true;
    const token = state.push('math', 'math', 0);
    token.block = true;
    const body = state.getLines(startLine, line + 1, state.blkIndent, false).trim();
    token.content = body.slice(2, body.lastIndexOf(closing)).trim();
    token.meta = { isDisplay: true };
    token.map = [startLine, line + 1];
    state.line = line + 1;
    return true;
  }
  return false;
}

parser.inline.ruler.before('escape', 'math', inlineMath);
parser.block.ruler.before('fence', 'math', blockMath, { alt: ['paragraph', 'reference', 'blockquote', 'list'] });

// Code as coloured runs. Long code is taken in pieces that stay as they are when more is appended, so that while a
// program of a thousand lines is written only its end is read again; a comment or a string that crosses two pieces may
// have the wrong colour from the second one on.
import { createLowlight } from 'lowlight';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import lua from 'highlight.js/lib/languages/lua';
import makefile from 'highlight.js/lib/languages/makefile';
import markdown from 'highlight.js/lib/languages/markdown';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const lowlight = createLowlight({
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  dockerfile,
  go,
  ini,
  java,
  javascript,
  json,
  kotlin,
  lua,
  makefile,
  markdown,
  php,
  python,
  ruby,
  rust,
  sql,
  swift,
  typescript,
  xml,
  yaml,
});
const PIECE_CHARACTERS = 4000;

export type Run = { kind: string; text: string };

export function isKnownLanguage(language: string): boolean {
  return lowlight.registered(language.toLowerCase());
}

// The code cut at ends of lines; all pieces but the last stay the same when text is appended.
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  while (text.length - from > PIECE_CHARACTERS) {
    const end = text.indexOf('\n', from + PIECE_CHARACTERS);
    if (end < 0) break;
    pieces.push(text.slice(from, end));
    from = end + 1;
  }
  pieces.push(text.slice(from));
  return pieces;
}

// Reads a language's rules, which its first use would have to wait for.
export const languages = lowlight.listLanguages();
export function prepareLanguage(language: string) {
  lowlight.highlight(language, 'x');
}

type Node = { type: string; value?: string; children?: Node[]; properties?: { className?: unknown } };

function gather(node: Node, kind: string, runs: Run[]) {
  if (node.type === 'text') runs.push({ kind, text: node.value ?? '' });
  const names = node.properties?.className;
  const own = Array.isArray(names) ? names.join(' ') : kind;
  for (const child of node.children ?? []) gather(child, own, runs);
}

export function runsOf(text: string, language: string): Run[] {
  if (!isKnownLanguage(language)) return [{ kind: '', text }];
  const runs: Run[] = [];
  gather(lowlight.highlight(language.toLowerCase(), text) as Node, '', runs);
  return runs;
}

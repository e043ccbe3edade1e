// What is used for the first time takes longer, and would be felt while an answer comes: it is used once before, a little
// at a time, while nobody waits.
import { languages, prepareLanguage } from './highlight';
import { prepareMathematics } from './math';
import { parser } from './parser';

export function prepare() {
  const work = [
    ...languages.map((language) => () => prepareLanguage(language)),
    prepareMathematics,
    () => parser.parse('# *a*\n\n- `b`\n\n| c |\n| - |\n| $d$ |\n', {}),
  ];
  const whenIdle = globalThis.requestIdleCallback ?? ((next: () => void) => setTimeout(next, 50));
  const next = () => {
    work.pop()?.();
    if (work.length > 0) whenIdle(next);
  };
  whenIdle(next);
}

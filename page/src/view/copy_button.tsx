// A button that copies a text and says that it did.
import { useState } from 'preact/hooks';
import { store } from '../state/store';
import { IconButton } from './icons';

const SHOWN_MS = 1500;

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

// Where the page comes over plain HTTP from another machine, browsers have no clipboard for it.
function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'off-screen';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  const onClick = async () => {
    const done = await copy(text);
    store.announce(done ? 'Copied.' : 'The browser does not let this page copy.');
    setCopied(done);
    setTimeout(() => setCopied(false), SHOWN_MS);
  };
  return (
    <IconButton icon={isCopied ? 'check' : 'copy'} label={isCopied ? 'Copied' : `Copy ${what}`} onClick={onClick} />
  );
}

// Where a message is written, with the files that go with it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { isAnswering, send, stop } from '../state/answering';
import { shownPath } from '../state/conversation';
import { store, useStore } from '../state/store';
import type { AttachedFile } from '../state/types';
import { Icon, IconButton } from './icons';

const FILE_BYTES_MAX = 1 << 20,
  FILES_MAX = 20;

// Throws an Error with the reason where it is no text.
async function readText(file: File): Promise<AttachedFile> {
  if (file.size > FILE_BYTES_MAX) throw new Error(`${file.name} is larger than 1 MiB`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name} is no text`);
  }
  if (text.includes('\0')) throw new Error(`${file.name} is no text`);
  return { name: file.name, text };
}

function useFiles() {
  const [files, setFiles] = useState<AttachedFile[]>([]);
  const attach = async (given: Iterable<File>) => {
    const read: AttachedFile[] = [];
    for (const file of given) {
      try {
        read.push(await readText(file));
      } catch (error) {
        store.set({ trouble: (error as Error).message, status: (error as Error).message });
      }
    }
    setFiles((known) => [...known, ...read].slice(0, FILES_MAX));
  };
  return { files, setFiles, attach };
}

function useDropping(attach: (files: Iterable<File>) => void) {
  useEffect(() => {
    const onDrag = (event: DragEvent) => event.dataTransfer?.types.includes('Files') && event.preventDefault();
    const onDrop = (event: DragEvent) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      attach(event.dataTransfer.files);
    };
    addEventListener('dragover', onDrag);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('dragover', onDrag);
      removeEventListener('drop', onDrop);
    };
  }, []);
}

function AttachedFiles({ files, onRemove }: { files: AttachedFile[]; onRemove: (at: number) => void }) {
  if (files.length === 0) return null;
  return (
    <ul class="files" aria-label="Files to send">
      {files.map((file, at) => (
        <li key={at}>
          {file.name}
          <IconButton icon="close" label={`Leave out ${file.name}`} onClick={() => onRemove(at)} />
        </li>
      ))}
    </ul>
  );
}

export function Composer() {
  const conversation = useStore((state) => state.current);
  const isReady = useStore((state) => state.loaded === 1 && !state.needsKey);
  const [text, setText] = useState('');
  const { files, setFiles, attach } = useFiles();
  const picker = useRef<HTMLInputElement>(null);
  const isBusy = isAnswering(conversation);
  useDropping((given) => void attach(given));

  const submit = () => {
    if (isBusy || !isReady || (!text.trim() && files.length === 0)) return;
    if (!send(text, files, shownPath(conversation).at(-1)?.id ?? '')) return;
    setText('');
    setFiles([]);
    store.set({ trouble: '' });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  };
  const onPaste = (event: ClipboardEvent) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    void attach(event.clipboardData.files);
  };
  return (
    <form
      class="composer"
      aria-label="Your message"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <AttachedFiles files={files} onRemove={(at) => setFiles(files.filter((_, each) => each !== at))} />
      <div class="row">
        <IconButton icon="attach" label="Attach text files" onClick={() => picker.current!.click()} />
        <input
          type="file"
          multiple
          class="off-screen"
          tabIndex={-1}
          aria-hidden="true"
          ref={picker}
          onChange={(event) => {
            void attach([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = '';
          }}
        />
        <textarea
          id="message"
          rows={1}
          placeholder="Write a message"
          aria-label="Message"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        {isBusy ? (
          <button type="button" class="send" aria-label="Stop" title="Stop (Esc)" onClick={() => stop(conversation)}>
            <Icon name="stop" />
          </button>
        ) : (
          <button type="submit" class="send" aria-label="Send" title="Send (Enter)" disabled={!isReady}>
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}

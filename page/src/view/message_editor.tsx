// A message's text while it is changed.
import { useEffect, useRef, useState } from 'preact/hooks';

interface EditorProps {
  text: string;
  action: string;
  onDone: (text: string) => void;
  onCancel: () => void;
}

export function MessageEditor({ text, action, onDone, onCancel }: EditorProps) {
  const [written, setWritten] = useState(text);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => area.current!.focus(), []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      onCancel();
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      onDone(written);
    }
  };
  return (
    <div class="editor">
      <textarea
        ref={area}
        aria-label="Edit the message"
        value={written}
        onKeyDown={onKeyDown}
        rows={3}
        onInput={(event) => setWritten(event.currentTarget.value)}
      />
      <div class="row">
        <button type="button" class="primary" onClick={() => onDone(written)}>
          {action}
        </button>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </div>
  );
}

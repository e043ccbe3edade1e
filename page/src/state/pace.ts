// How a growing answer is drawn: a piece at a time, at most thirty times a second. Pieces are as long as a frame has
// time for, so that however fast an answer comes and however slow the machine is, the page stays responsive; what
// has come and is not drawn yet follows in the next frames.

const PAUSE_MS = 33,
  HIDDEN_PAUSE_MS = 500;
const GOAL_MS = 16; // of a frame
const PIECE_MIN = 400,
  PIECE_MAX = 6000; // characters

// With the next frame; where the browser draws none, because nobody sees the page, a little later all the same.
function whenDrawn(work: () => void) {
  const frame = requestAnimationFrame(() => {
    clearTimeout(timer);
    work();
  });
  const timer = setTimeout(() => {
    cancelAnimationFrame(frame);
    work();
  }, HIDDEN_PAUSE_MS);
}

export class Pace {
  private drawn = 0; // characters
  private piece = 150; // small at first: what is drawn for the first time takes longer
  private isDue = false;
  private isOver = false;
  private lastEnd = 0;
  private pause = PAUSE_MS;
  private whole: (() => void) | null = null;

  // `draw` shows the answer's first so many characters, of the `length()` that have come.
  constructor(
    private readonly draw: (limit: number) => void,
    private readonly length: () => number,
  ) {}

  // More has come.
  ask() {
    if (this.isDue || this.isOver) return;
    this.isDue = true;
    const wait = document.hidden ? HIDDEN_PAUSE_MS : Math.max(0, this.lastEnd + this.pause - performance.now());
    setTimeout(() => whenDrawn(() => (document.hidden ? this.drawAll() : this.drawPiece())), wait);
  }

  // Until all has been drawn; nothing is drawn afterwards.
  async finish() {
    if (this.drawn < this.length()) {
      const drawn = new Promise<void>((resolve) => {
        this.whole = resolve;
      });
      this.ask();
      await drawn;
    }
    this.isOver = true;
  }

  private drawAll() {
    this.drawn = this.length();
    this.draw(Infinity);
    this.ended(PAUSE_MS);
  }

  private drawPiece() {
    if (this.isOver) return;
    const start = performance.now();
    this.drawn = Math.min(this.length(), this.drawn + this.piece);
    this.draw(this.drawn);
    // A message arrives after the frame's layout and painting.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      this.ended(performance.now() - start);
    };
    channel.port2.postMessage(0);
  }

  private ended(cost: number) {
    this.lastEnd = performance.now();
    this.pause = Math.max(PAUSE_MS, cost);
    this.piece = Math.min(PIECE_MAX, Math.max(PIECE_MIN, this.piece * Math.min(1.5, Math.max(0.5, GOAL_MS / cost))));
    this.isDue = false;
    if (this.drawn < this.length()) this.ask();
    else this.whole?.();
  }
}

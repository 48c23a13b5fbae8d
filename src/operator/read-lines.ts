/** Cuts a stream of bytes into lines at line feeds only, and hands them over one by one or by a run of them. */
export class LineReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next line without its end; undefined when the stream has ended. */
  async next(): Promise<string | undefined> {
    for (let searched = 0; ;) {
      const end = this.#rest.indexOf(10, searched);
      if (end !== -1) {
        const line = this.#rest.toString('utf8', 0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      searched = this.#rest.length;
      if (!await this.#more()) return undefined;
    }
  }

  /** The bytes of the lines before the one that is `last`, which is read too. */
  async* until(last: string): AsyncGenerator<Buffer> {
    const mark = Buffer.from(`${last}\n`);
    for (;;) {
      if (this.#rest.subarray(0, mark.length).equals(mark)) {
        this.#rest = this.#rest.subarray(mark.length);
        return;
      }
      const found = this.#rest.indexOf(Buffer.concat([Buffer.from('\n'), mark]));
      // What cannot be the beginning of the mark may go.
      const safe = found === -1 ? this.#rest.lastIndexOf(10, this.#rest.length - mark.length - 1) + 1 : found + 1;
      if (safe > 0) {
        const bytes = this.#rest.subarray(0, safe);
        this.#rest = this.#rest.subarray(safe);
        yield bytes;
      } else if (!await this.#more()) throw new Error('the file ends in the middle of a table');
    }
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
    return true;
  }
}

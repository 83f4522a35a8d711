// Requests and replies: every request has a number, and each view waits for one at a time.

/**
 * @typedef {{header: object, values: Float32Array[]}} Answer
 */

export class Link {
  /** @param {object} model what `render` was given */
  constructor(model) {
    this.model = model;
    this.seq = 0;
    this.waiting = new Map(); // by number: {resolve, reject, onReply, view}
    this.views = new Map(); // by view: {busy: number|null, next: object|null}
    this.timings = [];
    this.listener = (header, buffers) => this.receive(header, buffers || []);
    model.on("msg:custom", this.listener);
  }

  /**
   * Ask once; the promise holds the last reply. `onReply` gets each one.
   * @param {object} message
   * @param {{onReply?: Function, buffers?: ArrayBufferView[]}} [options]
   * @returns {Promise<Answer> & {seq: number}}
   */
  ask(message, { onReply, buffers = [] } = {}) {
    const seq = ++this.seq;
    const promise = new Promise((resolve, reject) => {
      this.waiting.set(seq, { resolve, reject, onReply, sent: performance.now(), view: message.view });
      this.model.send({ ...message, seq }, undefined, buffers);
    });
    promise.seq = seq;
    return promise;
  }

  /**
   * Ask for a view: while an answer is under way only the newest request waits.
   * @param {string} view
   * @param {object} message
   * @param {(header: object, values: Float32Array[]) => void} draw called with each reply
   * @param {(header: object) => void} fail
   */
  askFor(view, message, draw, fail) {
    const state = this.views.get(view) || { busy: null, next: null };
    this.views.set(view, state);
    if (state.busy !== null) {
      state.next = { message, draw, fail };
      return;
    }
    const promise = this.ask({ ...message, view }, {
      onReply: (header, values, took) => {
        draw(header, values);
        if (took !== null) this.timings.push({ view, ms: performance.now() - took, server: header.ms });
        this.release(view, promise.seq);
      },
    });
    state.busy = promise.seq;
    promise.catch((error) => fail(error)).finally(() => this.release(view, promise.seq));
  }

  release(view, seq) {
    const state = this.views.get(view);
    if (!state || state.busy !== seq) return;
    state.busy = null;
    if (state.next) {
      const { message, draw, fail } = state.next;
      state.next = null;
      this.askFor(view, message, draw, fail);
    }
  }

  cancel(seq) {
    this.model.send({ kind: "cancel", of: seq, seq: ++this.seq }, undefined, []);
  }

  receive(header, buffers) {
    const waiting = this.waiting.get(header.seq);
    if (!waiting) return;
    if (header.kind === "error") {
      this.waiting.delete(header.seq);
      waiting.reject(header);
      return;
    }
    if (header.kind === "cancelled") {
      this.waiting.delete(header.seq);
      waiting.reject({ kind: "cancelled", message: "stopped" });
      return;
    }
    const values = buffers.map(asFloats);
    const first = waiting.told ? null : waiting.sent;
    waiting.told = true;
    if (waiting.onReply) waiting.onReply(header, values, first, buffers);
    if (header.kind === "progress" || header.exact === false) return;
    this.waiting.delete(header.seq);
    waiting.resolve({ header, values, buffers });
  }

  close() {
    if (this.model.off) this.model.off("msg:custom", this.listener);
  }
}

/** The 32-bit numbers of a buffer, whatever kind of view a host gives. */
export function asFloats(buffer) {
  const bytes = buffer.buffer ? buffer : new DataView(buffer);
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return bytes.byteLength % 4 ? new Float32Array(0) : new Float32Array(copy);
}

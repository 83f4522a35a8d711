// The model of the explorer in a page: what anywidget gives in a notebook, over a WebSocket.

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/**
 * Pack a header and buffers into one frame.
 * @param {object} header
 * @param {ArrayBufferView[]} buffers
 * @returns {Uint8Array}
 */
export function packFrame(header, buffers = []) {
  const parts = buffers.map((b) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength));
  let text = ENCODER.encode(JSON.stringify({ ...header, buffers: parts.map((p) => p.length) }));
  const pad = (4 - (text.length % 4)) % 4;
  const total = 4 + text.length + pad + parts.reduce((sum, p) => sum + p.length, 0);
  const frame = new Uint8Array(total).fill(32);
  new DataView(frame.buffer).setUint32(0, text.length + pad, true);
  frame.set(text, 4);
  let at = 4 + text.length + pad;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/**
 * Take a frame apart.
 * @param {ArrayBuffer} frame
 * @returns {[object, DataView[]]}
 */
export function unpackFrame(frame) {
  const length = new DataView(frame).getUint32(0, true);
  const header = JSON.parse(DECODER.decode(new Uint8Array(frame, 4, length)));
  const buffers = [];
  let at = 4 + length;
  for (const size of header.buffers || []) {
    buffers.push(new DataView(frame, at, size));
    at += size;
  }
  return [header, buffers];
}

/**
 * Return a model that speaks through a WebSocket: `send`, `on`, `get`, `set`, `save_changes`.
 * @param {string} url
 */
export function socketModel(url) {
  const state = new Map();
  const listeners = new Map();
  const waiting = [];
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const tell = (name, ...args) => (listeners.get(name) || []).forEach((f) => f(...args));
  socket.onopen = () => waiting.splice(0).forEach((frame) => socket.send(frame));
  socket.onmessage = (event) => tell("msg:custom", ...unpackFrame(event.data));
  socket.onclose = (event) => tell("closed", event.reason);
  return {
    send(message, _callbacks, buffers = []) {
      const frame = packFrame(message, Array.isArray(_callbacks) ? _callbacks : buffers);
      if (socket.readyState === WebSocket.OPEN) socket.send(frame);
      else waiting.push(frame);
    },
    on(name, f) {
      listeners.set(name, [...(listeners.get(name) || []), f]);
    },
    off(name, f) {
      listeners.set(name, (listeners.get(name) || []).filter((each) => each !== f));
    },
    get: (key) => state.get(key),
    set(key, value) {
      state.set(key, value);
      tell(`change:${key}`);
    },
    save_changes() {},
  };
}

// The explorer in a notebook: each cell that shows the widget has requests and replies of its own.

/** @param {object} viewer what renders; @returns {object} what anywidget takes */
export function notebookHost(viewer) {
  return {
    render({ model, el }) {
      const tab = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
      const heard = new Map();
      const own = {
        send: (message, callbacks, buffers = []) => model.send({ ...message, tab }, callbacks, buffers),
        on(name, f) {
          const mine = (header, buffers) => header.tab === tab && f(header, buffers);
          heard.set(f, name === "msg:custom" ? mine : f);
          model.on(name, heard.get(f));
        },
        off: (name, f) => model.off(name, heard.get(f) ?? f),
        get: (key) => model.get(key),
        set: (key, value) => model.set(key, value),
        save_changes: () => model.save_changes(),
      };
      const end = viewer.render({ model: own, el });
      return () => {
        if (typeof end === "function") end();
        model.send({ kind: "bye", tab }, undefined, []);
      };
    },
  };
}

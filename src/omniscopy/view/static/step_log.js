// The steps of an explorer: a tree, in which what was undone stays when another way is gone.
// A log is {past: [{label, state, from, next}], at}: `from` is the step before, -1 for the first,
// `next` the one gone to from here last, which is what is done again.

const MOST = 200;

/** Add a step after the one that is shown, and go there. */
export function addStep(log, label, state) {
  log.past = [...log.past, { label, state, from: log.at, next: -1 }];
  forgetFirst(log, log.past.length - MOST);
  enterStep(log, log.past.length - 1);
}

/** Go to a step; those that lead to it are what is done again from before it. */
export function enterStep(log, index) {
  log.at = index;
  for (let i = index; log.past[i].from >= 0; i = log.past[i].from) log.past[log.past[i].from].next = i;
}

/** The step that undoing goes to, -1 where there is none. */
export function stepBefore(log) {
  return log.past[log.at]?.from ?? -1;
}

/** The step that is done again, -1 where there is none. */
export function stepAfter(log) {
  return log.past[log.at]?.next ?? -1;
}

/** Which steps lead to the one that is shown, itself included. */
export function stepsBehind(log) {
  const found = new Set();
  for (let i = log.at; i >= 0; i = log.past[i].from) found.add(i);
  return found;
}

/** Steps as they were kept, checked; without `from`, each follows the one before it. */
export function stepsFrom(kept, usable) {
  const log = { past: [], at: -1 };
  const places = new Map([[-1, -1]]);
  kept.forEach((step, i) => {
    const from = Number.isInteger(step.from) && step.from < i ? step.from : i - 1;
    // A step that cannot be shown again is left out; what came after it follows what came before.
    places.set(i, places.get(from) ?? -1);
    if (!usable(step)) return;
    log.at = places.get(i);
    addStep(log, String(step.label), step.state);
    places.set(i, log.past.length - 1);
  });
  return { log, places };
}

function forgetFirst(log, count) {
  if (count <= 0) return;
  const moved = (i) => Math.max(-1, i - count);
  log.past = log.past.slice(count).map((step) => ({ ...step, from: moved(step.from), next: moved(step.next) }));
}

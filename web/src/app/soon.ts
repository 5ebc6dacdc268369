// Does something soon, once, however often it is asked for.

/** Asks for `work` to be done: at most once in `pause_ms` and never twice at the same time, but always after the last ask. */
export function soon(work: () => Promise<void>, pause_ms: number): () => void {
  let isAsked = false;
  let isBusy = false;
  const go = async () => {
    isBusy = true;
    while (isAsked) {
      isAsked = false;
      await work().catch(() => {});
      await new Promise((done) => setTimeout(done, pause_ms));
    }
    isBusy = false;
  };
  return () => {
    isAsked = true;
    if (!isBusy) void go();
  };
}

// The time, as what is on the screen needs it: one timer for all, and none while nobody looks.

class Clock {
  /** Now, in milliseconds, at most a second old. */
  now = $state(Date.now());
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    this.#start();
    document.addEventListener("visibilitychange", () => this.#start());
  }

  #start() {
    clearInterval(this.#timer);
    if (document.hidden) return;
    this.now = Date.now();
    this.#timer = setInterval(() => {
      this.now = Date.now();
    }, 1000);
  }
}

export const time = new Clock();

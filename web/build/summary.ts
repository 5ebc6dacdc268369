// Says at the end how many tests ran, in the words that `./check` counts by.
import type { Reporter, TestModule } from "vitest/node";

export default class Summary implements Reporter {
  readonly #began = performance.now();

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]) {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    );
    const count = (state: string) => states.filter((other) => other === state).length;
    const broken = modules.filter(
      (module) => module.state() === "failed" && module.children.size === 0,
    ).length;
    const failed = count("failed") + broken + errors.length;
    const ran = count("passed") + failed;
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
    const parts = [
      `${count("passed")} passed`,
      `${failed} failed`,
      `${states.length - count("passed") - count("failed")} skipped`,
    ];
    console.log(`\n     Summary [ ${seconds}s] ${ran} tests run: ${parts.join(", ")}`);
  }
}

// Which screen is shown: the fragment of the address says so, so that links, history and reloads work by themselves.
import { parse, type Route } from "./route";

export { links } from "./route";

class Router {
  route = $state.raw<Route>(parse(""));

  /** Follows the address from now on: what it held before was the code of a login. */
  begin() {
    this.route = parse(location.hash);
    addEventListener("hashchange", () => {
      this.route = parse(location.hash);
    });
  }

  /** Changes what the address says of the same screen, without a step in the history. */
  replace(hash: string) {
    history.replaceState(null, "", hash);
    this.route = parse(hash);
  }
}

export const router = new Router();

// The page's entry: logs in where it was opened for that, then shows the screens.
import { mount } from "svelte";
import App from "./App.svelte";
import { client, Refusal } from "./api/client";
import "./ui/base.css";

/** A code in the address is used at once and taken out of the history. */
async function begin(): Promise<{ isLoggedIn: boolean; refusal: Refusal | null }> {
  const code = location.pathname === "/login" ? location.hash.slice(1) : "";
  if (location.pathname !== "/") history.replaceState(null, "", "/");
  try {
    if (code !== "") {
      await client.login(code);
      return { isLoggedIn: true, refusal: null };
    }
    return { isLoggedIn: await client.resume(), refusal: null };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // A daemon that is away comes back: the page says so by itself.
    return { isLoggedIn: code === "" && error.isLost, refusal: error };
  }
}

const target = document.getElementById("app");
if (target) mount(App, { target, props: await begin() });

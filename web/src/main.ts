// The page's entry: mounts the application, nothing else.
import { mount } from "svelte";
import App from "./App.svelte";
import "./ui/tokens.css";

const target = document.getElementById("app");
if (target) mount(App, { target });

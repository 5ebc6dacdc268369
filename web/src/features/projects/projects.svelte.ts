// The projects' names: runs and work units carry only ids.
import { client } from "../../api/client";
import type { Page, Project } from "../../api/types";
import { soon } from "../../app/soon";

class Projects {
  list = $state.raw<Project[]>([]);
  readonly #names = $derived(new Map(this.list.map((project) => [project.id, project])));
  readonly #missing = new Set<string>();
  #load = soon(async () => {
    this.list = (await client.get<Page<Project>>("/api/projects")).items;
  }, 1_000);

  load() {
    this.#load();
  }

  /** The project of an id; one that is not known is looked for, once. */
  of(id: string | null | undefined): Project | undefined {
    if (id === null || id === undefined) return undefined;
    const project = this.#names.get(id);
    if (!project && !this.#missing.has(id)) {
      this.#missing.add(id);
      this.#load();
    }
    return project;
  }
}

export const projects = new Projects();

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

/** What goes in and comes out, by the names that schemas/openapi.yaml gives it. */
export type Schemas = components["schemas"];
export type Command = Schemas["Command"];

/** A client of the server at this address, as `vouch serve` prints it. openapi-fetch is pinned: 0.17 lets the body
 *  of a request be anything. */
export function connect(baseUrl: string) {
  return createClient<paths, "application/json" | "application/problem+json">({ baseUrl });
}
export type Client = ReturnType<typeof connect>;

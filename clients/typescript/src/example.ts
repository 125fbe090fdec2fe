// Plays the example of vouch's README, and more, against a running server: example.js URL
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import { connect, type Client, type Command, type Schemas } from "vouch-client";

const attempts = 10;

/** What became of a command. Its id is its key: whenever no outcome came, the same is sent again, and is
 *  decided once. */
async function send(client: Client, command: Command): Promise<Schemas["OutcomeLine"]> {
  for (let i = 0; i < attempts; ++i) {
    try {
      const { data, error } = await client.POST("/v1/commands", { body: command });
      if (data !== undefined && "outcome" in data) return data;
      if (error !== undefined && error.status !== 503) return Promise.reject(new Error(`${error.type}: ${error.detail}`));
    } catch {
      // The connection was lost, and nobody knows what became of the command.
    }
    await pause(500);
  }
  throw new Error(`no outcome of ${command.id}: send it again later`);
}

function show(told: Schemas["OutcomeLine"]) {
  const available = told.available === undefined ? "" : `, available ${told.available}`;
  console.log(`${told.id} ${told.outcome}${available}`);
  return told;
}

function transfer(id: string, debit: string, credit: string, amount: string): Command {
  return { id, transfer: { debit, credit, amount } };
}

async function playReadme(client: Client) {
  const asset = "EUR/2";
  const opened: Command[] = [
    { id: "o1", open_account: { account: "cash", asset, class: "asset", limit: "unlimited" } },
    { id: "o2", open_account: { account: "alice", asset, class: "liability" } },
    { id: "o3", open_account: { account: "shop", asset, class: "liability" } },
  ];
  for (const command of opened) show(await send(client, command));
  const topUp = { ...transfer("t1", "cash", "alice", "10.00"), context: "order-7" };
  const first = show(await send(client, topUp));
  show(await send(client, { id: "h1", place_hold: { debit: "alice", credit: "shop", amount: "4.00", expires_in: "60s" } }));
  show(await send(client, { id: "c1", capture_hold: { hold: "h1", amount: "3.00" } }));
  const refused = show(await send(client, transfer("t2", "alice", "shop", "99.00")));
  assert(!refused.accepted && refused.outcome === "insufficient_funds");
  assert.deepEqual(show(await send(client, topUp)), first);
  await showBalance(client, "alice");
  const totals = await client.GET("/v1/trial-balance", { params: { query: { at_least: "end" } } });
  assert(totals.data);
  for (const line of totals.data.assets)
    console.log(`${line.asset} ${line.debits_posted} ${line.credits_posted} ${line.even ? "even" : "NOT EVEN"}`);
}

async function showBalance(client: Client, account: string) {
  const { data } = await client.GET("/v1/accounts/{account}/balance", {
    params: { path: { account }, query: { at_least: "end" } },
  });
  assert(data);
  console.log(`${account} ${data.balance}, available ${data.available}, version ${data.version}`);
}

async function playMore(client: Client) {
  show(await send(client, { id: "r1", refund: { entry: "t1", amount: "2.00" } }));
  show(await send(client, { id: "h2", place_hold: { debit: "alice", amount: "1.00" } }));
  show(await send(client, { id: "l1", release_hold: { hold: "h2" } }));
  show(await send(client, transfer("t1", "cash", "alice", "11.00"))); // its id is taken
  const malformed = await client.POST("/v1/commands", { body: transfer("t3", "cash", "alice", "ten") });
  assert(malformed.error);
  console.log(`t3 ${malformed.error.status} ${malformed.error.type}, ${malformed.error.field}`);
  const nobody = await client.GET("/v1/accounts/{account}/balance", { params: { path: { account: "nobody" } } });
  assert(nobody.error);
  console.log(`nobody ${nobody.error.status} ${nobody.error.type}`);
  const asked = await client.GET("/v1/outcomes/{id}", { params: { path: { id: "t2" }, query: { at_least: "end" } } });
  assert(asked.data);
  console.log(`t2 ${asked.data.command} ${asked.data.asked.transfer?.amount}: ${asked.data.outcome}`);
  let pages = 0;
  let cursor: string | undefined;
  do {
    const page = await client.GET("/v1/accounts/{account}/statement", {
      params: {
        path: { account: "alice" },
        query: { page_size: 2, at_least: "end", ...(cursor === undefined ? {} : { cursor }) },
      },
    });
    assert(page.data);
    for (const row of page.data.postings)
      console.log(`alice ${row.side} ${row.amount} by ${row.entry}, then ${row.balance}`);
    cursor = page.data.next;
    ++pages;
  } while (cursor !== undefined);
  console.log(`${pages} pages`);
}

/** Amounts are texts, and stay whole where a number would not. Here as lines of one request. */
async function playLarge(client: Client) {
  const commands: Command[] = [
    { id: "o4", open_account: { account: "mint", asset: "EUR/2", class: "asset", limit: "unlimited" } },
    { id: "o5", open_account: { account: "vault", asset: "EUR/2", class: "liability" } },
    transfer("t4", "mint", "vault", "90071992547409.93"),
    transfer("t5", "mint", "vault", "12345678901234567890123456789.01"),
  ];
  const { data } = await client.POST("/v1/commands", {
    body: commands.map((command) => JSON.stringify(command)).join("\n"),
    bodySerializer: (lines) => lines,
    headers: { "Content-Type": "application/x-ndjson" },
    parseAs: "text",
  });
  assert(data);
  for (const line of data.trimEnd().split("\n")) show(JSON.parse(line) as Schemas["OutcomeLine"]);
  await showBalance(client, "vault");
}

const url = process.argv[2];
assert(url, "usage: example.js URL");
const client = connect(url);
await playReadme(client);
await playMore(client);
await playLarge(client);

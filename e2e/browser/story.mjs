// Ann and Bob talk from two web pages in one browser. Usage: node story.mjs URL CHROMIUM PROFILE
// Ann's page has socket.io-client 2.5, Bob's has 4.8. The pages come from a server of their own, so that to the browser
// Parley is another origin.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [url, executablePath, profile] = process.argv.slice(2);

let chapter;
const tell = (title) => console.log((chapter = title));
setTimeout(() => {
  console.error(`stuck at: ${chapter}`);
  process.exit(1);
}, 120_000).unref();

const client = (version, build) =>
  readFile(new URL(`node_modules/socket.io-client-${version}/dist/${build}`, import.meta.url));
const files = {
  "/2.js": await client(2, "socket.io.js"),
  "/4.js": await client(4, "socket.io.min.js"),
  "/page.js": await readFile(new URL("page.js", import.meta.url)),
};
let hold = Promise.resolve(); // page.js is handed out when this is settled
const pages = createServer(async ({ url }, res) => {
  const [, version] = /^\/page([24])$/.exec(url) ?? [];
  if (version) {
    res.setHeader("Content-Type", "text/html; charset=utf-8");
    res.end(`<!doctype html><title>chat</title><script src="/${version}.js"></script><script src="/page.js"></script>`);
    return;
  }
  if (url === "/page.js") await hold;
  res.statusCode = files[url] ? 200 : 404;
  res.setHeader("Content-Type", "text/javascript; charset=utf-8");
  res.setHeader("Cache-Control", "no-store");
  res.end(files[url]);
});
await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${pages.address().port}`;

const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const failures = [];

// person is someone at a page of her own.
async function person(name, version) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => failures.push(`${name}: ${error}`));
  const protocols = new Set(); // of Engine.IO
  const note = (request) => {
    const protocol = new URL(request.url()).searchParams.get("EIO");
    if (protocol) protocols.add(protocol);
  };
  page.on("request", note).on("websocket", note);
  await page.goto(`${origin}/page${version}`);
  // on calls a function of the page's person.
  const on = (action, ...args) => page.evaluate(([action, args]) => person[action](...args), [action, args]);
  return { name, page, on, protocols };
}

async function register(someone, phoneNum) {
  const { name } = someone;
  const form = { username: name, password: `secret of ${name}`, email: `${name}@example.com`, phoneNum };
  const { status, body, error } = await someone.on("post", `${url}/toregister`, form);
  assert.equal(status, 200, error);
  assert.equal(body.userInfo.username, name);
}

const login = ({ name, on }, password = `secret of ${name}`) => on("post", `${url}/login`, { username: name, password });

// enter connects and logs in, and checks that the connection began with polling and became a WebSocket.
async function enter(someone) {
  const ack = await someone.on("connect", url, someone.account, "browser");
  assert.equal(ack.ok, true, JSON.stringify(ack));
  assert.deepEqual(await someone.on("upgraded"), ["polling", "websocket"]);
}

// talk says something and checks the ack, and that the other hears it.
async function talk(from, to, text) {
  const ack = await say(from, to, text);
  const message = (await to.on("messages", ack.id)).find(({ id }) => id === ack.id);
  assert.deepEqual([message.f_id, message.message, message.conv, message.seq, message.offline ?? false],
    [from.account.id, text, ack.conv, ack.seq, false]);
}

async function say(from, to, text) {
  const ack = await from.on("say", to.account.id, text);
  assert.equal(ack.ok, true, JSON.stringify(ack));
  return ack;
}

tell("they register and log in from pages of another origin");
const [ann, bob] = [await person("Ann", 2), await person("Bob", 4)];
for (const [i, someone] of [ann, bob].entries()) {
  await register(someone, `1300000000${i}`);
  const { status, body, error } = await login(someone);
  assert.equal(status, 200, error);
  someone.account = { id: body.userInfo.userId, token: body.token };
}

tell("a wrong password is refused, whatever the browser shows the page of a 407");
const refused = await login(ann, "not hers");
console.log(`  the page saw ${JSON.stringify(refused)}`);
assert.ok(refused.error || refused.status === 407 && refused.body.err_code === 407, JSON.stringify(refused));

tell("they connect by polling and move to WebSocket");
await Promise.all([enter(ann), enter(bob)]);
assert.deepEqual([[...ann.protocols], [...bob.protocols]], [["3"], ["4"]]);

tell("they chat both ways");
for (let i = 1; i <= 3; i++) {
  await talk(ann, bob, `Hello Bob 👋 ${i}`);
  await talk(bob, ann, `你好 Ann ${i}`);
}

// The new page is there and the old connection gone while the scripts are held back.
async function reload(someone, other) {
  let release;
  hold = new Promise((resolve) => (release = resolve));
  const asked = someone.page.waitForRequest(`${origin}/page.js`);
  const loaded = someone.page.reload();
  await asked;
  const missed = [];
  for (let i = 1; i <= 5; i++) missed.push(await say(other, someone, `${someone.name} missed this ${i}`));
  release();
  await loaded;
  await enter(someone);
  const messages = await someone.on("messages", missed.at(-1).id);
  // What was heard just before the reload may come again: nothing had proved yet that it arrived.
  const late = messages.filter(({ seq }) => seq >= missed[0].seq);
  assert.deepEqual(late.map(({ id, message, offline }) => [id, message, offline]),
    missed.map(({ id }, i) => [id, `${someone.name} missed this ${i + 1}`, true]));
  await talk(other, someone, "there you are");
  await talk(someone, other, "here I am");
}

tell("Bob reloads his page and gets what he missed");
await reload(bob, ann);
tell("Ann reloads hers");
await reload(ann, bob);

assert.deepEqual(failures, []);
await browser.close();
pages.close();

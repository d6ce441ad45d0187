// Ann and Bob talk by socket.io-client, any version from 1.7 to 4.8. What the legs are and what the environment holds:
// matrix_story_test.go. CLIENT_DIR is where the packages are, AUTH how this version gives its token.
const assert = require("node:assert/strict");
const { createRequire } = require("node:module");
const lib = createRequire(`${process.env.CLIENT_DIR}/`)("socket.io-client");
const io = lib.io ?? lib; // 1.x and 2.x export the function itself

const { URL: url, ECHO_URL: echoUrl, TRANSPORTS, AUTH } = process.env;
const transports = TRANSPORTS ? { transports: TRANSPORTS.split(",") } : {};
const credentials = (token) => (AUTH === "query" ? { query: { token } } : { auth: { token } });
const connect = (to, options) =>
  io(to, { ...transports, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 300, ...options });
const once = (socket, event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
const ask = (socket, event, ...args) => new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer)));
const leg = (title) => console.log(title);

// Person connects with a token and logs in at every connect, as front ends do.
class Person {
  constructor(account) {
    [this.id, this.token] = account.split(" ");
    this.messages = [];
    this.greetings = [];
    this.waiting = [];
    this.socket = connect(url, credentials(this.token));
    this.socket.on("connect", async () => {
      const [ack] = await ask(this.socket, "login", {});
      assert.deepEqual([ack.ok, ack.id.length > 0], [true, true]);
    });
    this.socket.on("login", (greeting) => this.greetings.push(greeting) && this.look());
    this.socket.on("newMessage", (message) => this.messages.push(message) && this.look());
  }
  look() {
    this.waiting = this.waiting.filter((check) => !check());
  }
  until(find) {
    return new Promise((resolve) => {
      this.waiting.push(() => {
        const found = find();
        if (found) resolve(found);
        return found;
      });
      this.look();
    });
  }
  hears(text) {
    return this.until(() => this.messages.find(({ message }) => message === text));
  }
  async login(times) {
    await this.until(() => this.greetings.length === times);
    const { message, userId } = this.greetings.at(-1);
    assert.deepEqual([message, userId], ["登录成功", this.id]);
  }
  async say(to, message) {
    const [ack] = await ask(this.socket, "chat", { form_id: this.id, toUserid: to.id, message });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    const heard = await to.hears(message);
    assert.deepEqual([heard.f_id, heard.seq, heard.offline], [this.id, ack.seq, undefined]);
  }
}

async function main() {
  leg("echo");
  const echo = connect(echoUrl);
  await once(echo, "connect");
  const { engine } = echo.io;
  const { id } = engine;
  const args = [1, "two", { three: [true, null, "四 👋"] }];
  let back = once(echo, "message-back");
  echo.emit("message", ...args);
  assert.deepEqual(await back, args);
  assert.deepEqual(await ask(echo, "message-with-ack", ...args), args);
  echo.on("disconnect", (why) => assert.fail(`the echo socket was disconnected: ${why}`));

  leg("binary");
  const last = TRANSPORTS || "websocket";
  if (engine.transport.name !== last) await new Promise((resolve) => engine.once("upgrade", resolve));
  assert.equal(engine.transport.name, last);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const binary = [bytes, { nested: [bytes.subarray(0, 3), "text"] }, Buffer.alloc(0)];
  back = once(echo, "message-back");
  echo.emit("message", ...binary);
  assert.deepEqual(await back, binary);
  assert.deepEqual(await ask(echo, "message-with-ack", ...binary), binary);

  leg("namespaces");
  const custom = echo.io.socket("/custom");
  await once(custom, "connect");
  assert.deepEqual(await ask(custom, "message-with-ack", "custom"), ["custom"]);
  assert.deepEqual(await ask(echo, "message-with-ack", "main"), ["main"]);
  assert.equal(echo.io.engine.id, id);

  leg("bad token");
  const stranger = connect(url, credentials("not a token"));
  const why = await Promise.race([once(stranger, "error"), once(stranger, "connect_error")]);
  assert.match(String(why[0]?.message ?? why[0]), /token/);
  stranger.close();

  leg("login");
  const [ann, bob] = [new Person(process.env.ANN), new Person(process.env.BOB)];
  await Promise.all([ann.login(1), bob.login(1)]);

  leg("binary to chat");
  const [taken] = await ask(ann.socket, "chat", { form_id: ann.id, toUserid: bob.id, message: { name: "all.bin", file: bytes } });
  assert.equal(taken.ok, true, JSON.stringify(taken));
  const { type, message } = await bob.until(() => bob.messages.find(({ seq }) => seq === taken.seq));
  assert.deepEqual([type, message.file.name, message.file.size], ["file", "all.bin", bytes.length]);
  const file = await fetch(new globalThis.URL(message.file.url, url));
  assert.deepEqual(Buffer.from(await file.arrayBuffer()), bytes);

  leg("chat");
  await ann.say(bob, "Hello Bob 👋");
  await bob.say(ann, "Hello Ann");

  leg("restart");
  await Promise.all([ann.login(2), bob.login(2)]);
  for (const person of [ann, bob]) assert.equal((await person.hears("while you were away 四 👋")).offline, true);
  await ann.say(bob, "Back again");
  await bob.say(ann, "So am I");

  leg("heartbeats");
  assert.deepEqual(await ask(echo, "message-with-ack", "still there"), ["still there"]);
  assert.equal(echo.io.engine.id, id);

  leg("the end");
  process.exit(0);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
process.on("unhandledRejection", (err) => {
  console.error(err);
  process.exit(1);
});

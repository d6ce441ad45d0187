// A person with a phone in hand: registers over HTTP, talks over socket.io-client, and remembers all she heard.
import assert from "node:assert/strict";
import { io } from "socket.io-client";

let born = 0;

// register makes an account on the server at url.
export async function register(url, name) {
  born++;
  const res = await fetch(`${url}/toregister`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      username: `${name} ${process.pid}.${born}`,
      password: `${name}'s secret`,
      email: `${name}.${process.pid}.${born}@example.com`,
      phoneNum: `${process.pid}${String(born).padStart(4, "0")}`,
    }),
  });
  const { token, userInfo } = await res.json();
  assert.equal(res.status, 200);
  return { name, id: userInfo.userId, token };
}

export class Person {
  #waiting = new Set(); // functions that look again after every event

  constructor(url, account, { device, transports }) {
    Object.assign(this, account, { device, transports });
    this.heard = []; // [event, payload] in the order they came
    this.pinged = false; // whether a heartbeat came after the last message
    this.socket = io(url, {
      transports,
      auth: account.token ? { token: account.token } : {},
      forceNew: true,
      reconnection: false,
    });
    this.socket.onAny((event, payload) => {
      this.heard.push([event, payload]);
      if (event === "newMessage") this.pinged = false;
      this.#look();
    });
    this.socket.io.on("ping", () => {
      this.pinged = true;
      this.#look();
    });
    for (const trouble of ["connect_error", "disconnect"]) {
      this.socket.on(trouble, (why) => {
        this.heard.push([trouble, why]);
        this.#look();
      });
    }
  }

  #look() {
    for (const again of [...this.#waiting]) again();
  }

  // until resolves with the first truthy value of check, which is asked now and after every event.
  until(check) {
    return new Promise((resolve) => {
      const again = () => {
        const value = check();
        if (!value) return;
        this.#waiting.delete(again);
        resolve(value);
      };
      this.#waiting.add(again);
      again();
    });
  }

  // all returns the payloads of one event, in order.
  all(event) {
    return this.heard.filter(([e]) => e === event).map(([, payload]) => payload);
  }

  // hear resolves with the first payload of an event that fits.
  hear(event, fits = () => true) {
    return this.until(() => this.all(event).find(fits));
  }

  // ask emits and resolves with the server's ack.
  ask(event, payload) {
    return this.socket.timeout(30_000).emitWithAck(event, payload);
  }

  async login() {
    const ack = await this.ask("login", { device: this.device });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    const greeting = await this.hear("login");
    assert.deepEqual(
      [greeting.message, greeting.id, greeting.userId, greeting.device],
      ["登录成功", this.socket.id, this.id, this.device],
    );
    return this;
  }

  // say sends a chat message and resolves with the ack of a stored one.
  async say(to, message, more = {}) {
    const ack = await this.ask("chat", { form_id: this.id, toUserid: to.id, message, ...more });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    return ack;
  }

  // travelled checks that the transport is what was asked for; where two were, that the connection moved to the second.
  async travelled() {
    const { engine } = this.socket.io;
    const last = this.transports.at(-1);
    if (engine.transport.name !== last) await new Promise((resolve) => engine.once("upgrade", resolve));
    assert.equal(engine.transport.name, last);
  }

  // settle returns once the server knows that all heard so far has come: a heartbeat came after it and was answered.
  // The question is behind that answer on the wire, so its ack says that the answer has arrived.
  async settle(conv) {
    await this.travelled();
    await this.until(() => this.pinged);
    await this.ask("message:since", { conv, after: 0, limit: 1 });
  }

  leave() {
    this.socket.disconnect();
  }
}

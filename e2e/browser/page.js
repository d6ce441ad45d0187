// What a front end does in a page: it posts to the server by fetch, talks over whichever socket.io-client the page has
// loaded, and remembers what it heard. The test calls these functions in the page.
const person = {
  heard: [], // [event, payload] in the order they came
  transports: [], // what carried the connection when it opened, and each that it moved to
  waiting: new Set(), // functions that look again after every event

  // post resolves with the answer, or with what fetch says where the browser keeps the answer from the page.
  async post(url, body) {
    try {
      const res = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      return { status: res.status, body: await res.json() };
    } catch (error) {
      return { error: String(error) };
    }
  },

  // connect opens a connection with the client's own transports, logs in, and resolves with the answer.
  connect(url, account, device) {
    const { token } = account;
    this.id = account.id;
    const old = io.protocol === 4; // of Socket.IO: clients 1 and 2, which know no auth option
    this.socket = io(url, { ...(old ? { query: { token } } : { auth: { token } }), reconnection: false });
    const manager = this.socket.io;
    manager.on("open", () => {
      this.transports.push(manager.engine.transport.name);
      manager.engine.on("upgrade", (transport) => this.note("upgrade", this.transports.push(transport.name)));
    });
    for (const event of ["login", "newMessage", "sentMessage", "refused", "unauthorized", "connect_error", "disconnect"]) {
      this.socket.on(event, (payload) => this.note(event, payload));
    }
    return this.ask("login", { device });
  },

  note(event, payload) {
    this.heard.push([event, payload]);
    for (const again of [...this.waiting]) again();
  },

  // until resolves with the first truthy value of check, which is asked now and after every event.
  until(check) {
    return new Promise((resolve) => {
      const again = () => {
        const value = check();
        if (!value) return;
        this.waiting.delete(again);
        resolve(value);
      };
      this.waiting.add(again);
      again();
    });
  },

  // upgraded resolves with the transports so far once the connection is a WebSocket.
  upgraded() {
    return this.until(() => this.socket.io.engine.transport.name === "websocket" && this.transports);
  },

  // ask emits and resolves with the ack.
  ask(event, payload) {
    return new Promise((resolve) => this.socket.emit(event, payload, resolve));
  },

  say(to, message) {
    return this.ask("chat", { form_id: this.id, toUserid: to, message });
  },

  // messages resolves with all messages heard, once the one of that id is among them.
  messages(id) {
    const all = () => this.heard.filter(([event]) => event === "newMessage").map(([, message]) => message);
    return this.until(() => all().some((message) => message.id === id) && all());
  },
};

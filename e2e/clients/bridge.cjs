// A socket.io-client whose user is elsewhere: each line of stdin is [event, argument] to emit, each line of stdout is
// {"ack": …} of the oldest that has none, or {"event": …, "payload": …}. CLIENT_DIR is where the package is.
const { createRequire } = require("node:module");
const lib = createRequire(`${process.env.CLIENT_DIR}/`)("socket.io-client");
const socket = lib(process.env.URL, { transports: ["websocket"], query: { token: process.env.TOKEN }, forceNew: true, reconnection: false });
const say = (object) => console.log(JSON.stringify(object));
for (const event of ["login", "newMessage", "friend:asked", "room:changed", "refused", "error", "disconnect"]) {
  socket.on(event, (payload) => say({ event, payload }));
}
let asked = Promise.resolve(); // acks are told in the order of their questions
require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const ack = new Promise((resolve) => socket.emit(...JSON.parse(line), resolve));
    asked = asked.then(() => ack).then((answer) => say({ ack: answer }));
  })
  .on("close", () => process.exit(0));

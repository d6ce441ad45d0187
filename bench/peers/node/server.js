// The same events as Parley, as fast as Node's socket.io can: everything in memory, nothing stored, nobody checked.
// Only with REMEMBER=1 messages are kept, in memory, for those who ask for history.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["polling", "websocket"], perMessageDeflate: false });

const users = new Map(); // user id -> socket
const numbers = new Map(); // conversation -> its last message's number
const past = process.env.REMEMBER ? new Map() : undefined; // conversation -> its messages
const own = new Map(); // user id -> her conversations, if messages are kept

const between = (a, b) => (a < b ? `${a}|${b}` : `${b}|${a}`);

function remember(conv, message) {
  if (!past.has(conv)) {
    past.set(conv, []);
    for (const user of conv.split("|")) own.set(user, [...(own.get(user) ?? []), conv]);
  }
  past.get(conv).push(message);
}

io.on("connection", (socket) => {
  let me;

  socket.on("login", ({ userid, device }, ack) => {
    me = userid;
    users.set(me, socket);
    socket.emit("login", { message: "登录成功", id: socket.id, userId: me, device });
    ack?.({ ok: true });
  });

  socket.on("chat", ({ toUserid, message }, ack) => {
    const conv = between(me, toUserid);
    const seq = (numbers.get(conv) ?? 0) + 1;
    numbers.set(conv, seq);
    const id = `${conv}/${seq}`;
    const at = Date.now();
    const sent = { f_id: me, time: at, message, id, conv, seq, at, type: "text", to: toUserid };
    if (past) remember(conv, sent);
    users.get(toUserid)?.emit("newMessage", sent);
    ack?.({ ok: true, id, conv, seq, at });
  });

  socket.on("typing", ({ to, on }, ack) => {
    users.get(to)?.emit("typing", { user: me, conv: between(me, to), on });
    ack?.({ ok: true });
  });

  socket.on("message:before", ({ with: other, before, limit }, ack) => {
    const all = past?.get(between(me, other)) ?? [];
    const end = before ? before - 1 : all.length; // numbers begin with 1
    const start = Math.max(end - limit, 0);
    ack({ ok: true, messages: all.slice(start, end), more: start > 0 });
  });

  socket.on("sync", ({ limit = 100 }, ack) => {
    const conversations = (own.get(me) ?? [])
      .map((conv) => ({ conv, message: past.get(conv).at(-1) }))
      .sort((a, b) => b.message.at - a.message.at)
      .map(({ conv, message }) => ({ conv, with: conv.split("|").find((id) => id !== me), last: message.seq, at: message.at, message }));
    ack({ ok: true, conversations: conversations.slice(0, limit), changed: [], more: conversations.length > limit });
  });

  socket.on("disconnect", () => {
    if (users.get(me) === socket) users.delete(me);
  });
});

const bench = io.of("/bench");

bench.on("connection", (socket) => {
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack?.({ ok: true });
  });

  socket.on("say", (room, text, ack) => {
    bench.to(room).emit("said", text);
    ack?.({ ok: true });
  });
});

http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
process.on("SIGTERM", () => process.exit(0));

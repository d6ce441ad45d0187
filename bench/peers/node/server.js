// The same events as Parley, as fast as Node's socket.io can: everything in memory, nothing stored, nobody checked.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["polling", "websocket"], perMessageDeflate: false });

const users = new Map(); // user id -> socket
const numbers = new Map(); // conversation -> its last message's number

io.on("connection", (socket) => {
  let me;

  socket.on("login", ({ userid, device }, ack) => {
    me = userid;
    users.set(me, socket);
    socket.emit("login", { message: "登录成功", id: socket.id, userId: me, device });
    ack({ ok: true });
  });

  socket.on("chat", ({ toUserid, message }, ack) => {
    const conv = me < toUserid ? `${me}|${toUserid}` : `${toUserid}|${me}`;
    const seq = (numbers.get(conv) ?? 0) + 1;
    numbers.set(conv, seq);
    const id = `${conv}/${seq}`;
    const at = Date.now();
    users.get(toUserid)?.emit("newMessage", { f_id: me, time: at, message, id, conv, seq, at, type: "text", to: toUserid });
    ack({ ok: true, id, conv, seq, at });
  });

  socket.on("disconnect", () => {
    if (users.get(me) === socket) users.delete(me);
  });
});

http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
process.on("SIGTERM", () => process.exit(0));

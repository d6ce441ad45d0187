// Ann sends as fast as she can, Bob hears all of it, in order and once. Usage: node burst.mjs URL TRANSPORT COUNT
import assert from "node:assert/strict";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Person, register } from "./person.mjs";

const [url, transport, count] = process.argv.slice(2);
const transports = [transport];
const most = Number(count);

if (isMainThread) {
  let heard = 0;
  setTimeout(() => {
    console.error(`stuck: ${heard} of ${most} came`);
    process.exit(1);
  }, 240_000).unref();
  const annsAccount = await register(url, "Ann");
  const bob = await new Person(url, await register(url, "Bob"), { device: "phone", transports }).login();
  bob.socket.on("newMessage", ({ message, seq }) => {
    heard++;
    assert.deepEqual([message, seq], [`number ${heard}`, heard]);
  });
  const start = performance.now();
  // Ann works in a thread of her own, so that she does not keep Bob from reading.
  const ann = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), workerData: { annsAccount, to: bob.id } });
  ann.on("error", (err) => {
    throw err;
  });
  bob.socket.on("disconnect", (why) => assert.fail(`Bob was disconnected after ${heard}: ${why}`));
  await bob.until(() => heard === most);
  const rate = Math.round(most / ((performance.now() - start) / 1000));
  const { messages } = await bob.ask("message:before", { with: annsAccount.id, limit: 1 });
  assert.deepEqual([messages[0].seq, heard], [most, most]); // nor did one more come before this answer
  console.log(`${most} over ${transport}: ${rate} a second`);
  process.exit(0);
} else {
  const { annsAccount, to } = workerData;
  const ann = await new Person(url, annsAccount, { device: "phone", transports }).login();
  ann.socket.on("refused", (why) => assert.fail(JSON.stringify(why)));
  ann.socket.on("disconnect", (why) => assert.fail(`Ann was disconnected: ${why}`));
  for (let i = 1; i <= most; i++) ann.socket.emit("chat", { form_id: ann.id, toUserid: to, message: `number ${i}` });
}

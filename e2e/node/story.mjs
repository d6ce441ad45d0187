// Ann and Bob talk. Usage: node story.mjs URL TRANSPORT[,TRANSPORT]
import assert from "node:assert/strict";
import { Person, register } from "./person.mjs";

const [url, list] = process.argv.slice(2);
const transports = list.split(",");

let chapter;
const tell = (title) => console.log((chapter = title));
setTimeout(() => {
  console.error(`stuck at: ${chapter}`);
  process.exit(1);
}, 120_000).unref();

const numbers = (messages) => messages.map((m) => m.seq);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const join = (account, device) => new Person(url, account, { device, transports }).login();

tell("they register and log in, Bob on two devices");
const annsAccount = await register(url, "Ann");
const bobsAccount = await register(url, "Bob");
let ann = await join(annsAccount, "phone");
const bob = await join(bobsAccount, "laptop");
const tablet = await join(bobsAccount, "tablet");

tell("nobody gets in without a token, or as someone else");
const stranger = new Person(url, {}, { transports });
stranger.socket.emit("login", ann.id);
const { code, message } = await stranger.hear("unauthorized");
assert.equal(code, "unauthenticated");
assert.match(message, /token/);
stranger.leave();
const impostor = new Person(url, bobsAccount, { transports });
impostor.socket.emit("login", ann.id);
assert.equal(typeof (await impostor.hear("unauthorized")).code, "string");
assert.deepEqual(impostor.all("login"), []);
impostor.leave();

tell("they chat both ways");
const hello = await ann.say(bob, "Hello Bob 👋", { time: "12:34" });
const conv = [ann.id, bob.id].sort().join("|");
assert.deepEqual([hello.conv, hello.seq, hello.id], [conv, 1, `${conv}/1`]);
for (const device of [bob, tablet]) {
  const { f_id, to, message, time, id, seq, at, type, offline } = await device.hear("newMessage");
  assert.deepEqual([f_id, to, message, time], [ann.id, bob.id, "Hello Bob 👋", "12:34"]);
  assert.deepEqual([id, seq, at, type, offline], [hello.id, 1, hello.at, "text", undefined]);
}
const answer = await bob.say(ann, { text: "Hello Ann", mood: ["fine"] }, { type: "card" });
assert.equal(answer.seq, 2);
const heard = await ann.hear("newMessage");
assert.deepEqual([heard.f_id, heard.message, heard.type, heard.seq], [bob.id, { text: "Hello Ann", mood: ["fine"] }, "card", 2]);
const copy = await tablet.hear("sentMessage");
assert.deepEqual([copy.f_id, copy.to, copy.id, copy.message], [bob.id, ann.id, answer.id, heard.message]);

tell("the same ref twice is one message");
const first = await bob.say(ann, "sent twice", { ref: "a shaky network" });
const again = await bob.say(ann, "sent twice", { ref: "a shaky network" });
assert.deepEqual([again.id, again.seq, again.at], [first.id, first.seq, first.at]);
const next = await bob.say(ann, "sent once");
assert.equal(next.seq, first.seq + 1);
await ann.hear("newMessage", (m) => m.seq === next.seq); // a repeat would have come before it
assert.deepEqual(numbers(ann.all("newMessage")), [2, 3, 4]);
assert.deepEqual(bob.all("sentMessage"), []);

tell("Ann leaves and Bob sends 500");
await ann.settle(conv);
ann.leave();
const acks = await Promise.all(range(1, 500).map((i) => bob.say(ann, `while you were away ${i}`)));
assert.deepEqual(numbers(acks), range(5, 504));

tell("she returns while he goes on");
const returning = join(annsAccount, "phone");
const meanwhile = (async () => {
  let last;
  for (let i = 1; i <= 200; i++) last = await bob.say(ann, `meanwhile ${i}`);
  return last.seq;
})();
ann = await returning;
let last = await meanwhile;
assert.equal(last, 704);
let newest = await ann.hear("newMessage", (m) => m.seq === last);
for (let tries = 0; newest.offline && tries < 100; tries++) { // she has caught up when a message comes live
  ({ seq: last } = await bob.say(ann, "are you there?"));
  newest = await ann.hear("newMessage", (m) => m.seq === last);
}
assert.equal(newest.offline, undefined);
const came = ann.all("newMessage");
assert.deepEqual(numbers(came), range(5, last));
const live = came.findIndex((m) => !m.offline);
assert.ok(live >= 500, `only ${live} came as offline`);
assert.ok(came.slice(live).every((m) => !m.offline), "offline messages after live ones");
assert.ok(came.slice(0, 500).every((m, i) => m.offline === true && m.message === `while you were away ${i + 1}`));

tell("Bob's tablet saw all that he wrote on the laptop");
await tablet.hear("sentMessage", (m) => m.seq === last);
assert.deepEqual(numbers(tablet.all("sentMessage")), range(2, last));

tell("history holds it all, once");
const history = [];
for (let more = true; more; ) {
  const page = await ann.ask("message:since", { conv, after: history.length, limit: 200 });
  assert.equal(page.ok, true, JSON.stringify(page));
  history.push(...page.messages);
  more = page.more;
}
assert.deepEqual(numbers(history), range(1, last));
assert.deepEqual(history.slice(4).map((m) => [m.id, m.message]), came.map((m) => [m.id, m.message]));
const end = await ann.ask("message:before", { with: bob.id, limit: 3 });
assert.deepEqual(numbers(end.messages), range(last - 2, last));

tell("Bob edits, thinks better of it, and types");
const typo = await bob.say(ann, "helo");
const edit = await bob.ask("message:edit", { conv, seq: typo.seq, data: { text: "hello" } });
assert.deepEqual([edit.ok, edit.conv, edit.seq, edit.change], [true, conv, typo.seq, 1], JSON.stringify(edit));
const recall = await bob.ask("message:recall", { conv, seq: typo.seq });
assert.deepEqual([recall.ok, recall.change], [true, 2], JSON.stringify(recall));
assert.equal((await ann.ask("message:edit", { conv, seq: typo.seq, data: "mine now" })).error.code, "forbidden");
assert.equal((await bob.ask("typing", { to: ann.id, on: true })).ok, true);
for (const device of [ann, tablet]) {
  const edited = await device.hear("message:changed", (m) => m.change === 1);
  assert.deepEqual([edited.id, edited.message, edited.edited, edited.f_id], [typo.id, { text: "hello" }, edit.at, bob.id]);
  const recalled = await device.hear("message:changed", (m) => m.change === 2);
  assert.deepEqual([recalled.id, recalled.message, recalled.recalled], [typo.id, null, recall.at]);
}
assert.deepEqual(await ann.hear("typing"), { user: bob.id, conv, on: true });
const [trace] = (await ann.ask("message:since", { conv, after: typo.seq - 1, limit: 1 })).messages;
assert.deepEqual([trace.seq, trace.message, trace.recalled], [typo.seq, null, recall.at]);
assert.deepEqual([bob.all("message:changed"), tablet.all("typing")], [[], []]);

tell("Ann reads, which Bob and her tablet hear; one answer tells him how all stands");
const read = await ann.ask("message:read", { conv, seq: typo.seq });
assert.deepEqual([read.ok, read.conv, read.received, read.read], [true, conv, typo.seq, typo.seq], JSON.stringify(read));
for (const device of [bob, tablet]) {
  const receipt = await device.hear("receipt", (r) => r.user === ann.id && r.read === typo.seq);
  assert.deepEqual(receipt, { conv, user: ann.id, received: typo.seq, read: typo.seq });
}
const synced = await bob.ask("sync", { cursors: { [conv]: typo.seq - 2 }, changes: { [conv]: 1 } });
const state = synced.conversations.find((c) => c.conv === conv);
assert.deepEqual([state.with, state.last, state.unread, state.change], [ann.id, typo.seq, 0, 2], JSON.stringify(state));
assert.deepEqual(state.peer, { received: typo.seq, read: typo.seq });
assert.deepEqual(numbers(state.messages), range(typo.seq - 1, typo.seq));
assert.deepEqual(synced.changed.map((m) => [m.id, m.change]), [[typo.id, 2]]);
assert.deepEqual([synced.more, state.message.id], [false, typo.id]);

for (const person of [ann, bob, tablet]) {
  await person.travelled();
  assert.deepEqual([...person.all("disconnect"), ...person.all("refused"), ...person.all("unauthorized")], []);
  person.leave();
}
tell("the end");

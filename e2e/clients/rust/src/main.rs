//! Ann and Bob talk by rust_socketio. What the legs are and what the environment holds: matrix_story_test.go. This client
//! knows one namespace a connection and one attachment a packet, so it tells what it can.
use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::{json, Value};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// For any one answer; the story as a whole has its own deadline.
const WAIT: Duration = Duration::from_secs(30);

fn leg(title: &str) {
    println!("{title}");
}

/// What was heard, in order; hears returns the first that fits, now or later.
#[derive(Clone, Default)]
struct Mailbox(Arc<(Mutex<Vec<Payload>>, Condvar)>);

impl Mailbox {
    fn put(&self, payload: Payload) {
        self.0 .0.lock().unwrap().push(payload);
        self.0 .1.notify_all();
    }

    fn hears(&self, fits: impl Fn(&Payload) -> bool, count: usize) -> Payload {
        let find = |items: &[Payload]| items.iter().filter(|p| fits(p)).nth(count - 1).cloned();
        let items = self.0 .0.lock().unwrap();
        let (items, _) = self.0 .1.wait_timeout_while(items, WAIT, |items| find(items).is_none()).unwrap();
        find(&items).unwrap_or_else(|| panic!("heard only {items:?}"))
    }

    fn next(&self) -> Payload {
        self.hears(|_| true, 1)
    }
}

/// The first argument of an event.
fn first(payload: &Payload) -> Value {
    match payload {
        Payload::Text(args) => args[0].clone(),
        other => panic!("not text: {other:?}"),
    }
}

fn client(url: &str) -> ClientBuilder {
    ClientBuilder::new(url)
        .reconnect_delay(100, 300)
        .reconnect_on_disconnect(true)
        .transport_type(match env("TRANSPORTS").as_str() {
            "polling" => TransportType::Polling,
            "websocket" => TransportType::Websocket,
            _ => TransportType::Any,
        })
}

/// Emits, and returns the arguments of the ack: an array of arguments comes as one value.
fn ask(socket: &Client, event: &str, payload: impl Into<Payload>) -> Vec<Value> {
    let answer = Mailbox::default();
    let put = answer.clone();
    socket.emit_with_ack(event, payload, WAIT, move |got, _| put.put(got)).unwrap();
    match first(&answer.next()) {
        Value::Array(args) => args,
        other => panic!("no arguments: {other}"),
    }
}

/// Connects with a token and logs in at every connect.
struct Person {
    id: String,
    socket: Client,
    greetings: Mailbox,
    messages: Mailbox,
}

impl Person {
    fn new(account: &str) -> Person {
        let (id, token) = account.split_once(' ').unwrap();
        let (greetings, messages) = (Mailbox::default(), Mailbox::default());
        let (greeted, heard) = (greetings.clone(), messages.clone());
        let socket = client(&env("URL"))
            .auth(json!({ "token": token }))
            .on(Event::Connect, |_, socket| socket.emit("login", json!({})).unwrap())
            .on("login", move |greeting, _| greeted.put(greeting))
            .on("newMessage", move |message, _| heard.put(message))
            .connect()
            .unwrap();
        Person { id: id.to_owned(), socket, greetings, messages }
    }

    fn login(&self, times: usize) {
        let greeting = first(&self.greetings.hears(|_| true, times));
        assert_eq!((&greeting["message"], &greeting["userId"]), (&json!("登录成功"), &json!(self.id)));
    }

    fn hears(&self, text: &str) -> Value {
        first(&self.messages.hears(|message| first(message)["message"] == text, 1))
    }

    fn say(&self, to: &Person, message: &str) {
        let ack = &ask(&self.socket, "chat", json!({"form_id": self.id, "toUserid": to.id, "message": message}))[0];
        assert_eq!(ack["ok"], true, "{ack}");
        let heard = to.hears(message);
        assert_eq!((&heard["f_id"], &heard["seq"], heard.get("offline")), (&json!(self.id), &ack["seq"], None), "{heard}");
    }
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap()
}

fn story() {
    leg("echo");
    let (back, opened, lost) = (Mailbox::default(), Mailbox::default(), Mailbox::default());
    let (put, open, lose) = (back.clone(), opened.clone(), lost.clone());
    let echo = client(&env("ECHO_URL"))
        .on("message-back", move |payload, _| put.put(payload))
        .on(Event::Connect, move |payload, _| open.put(payload))
        .on(Event::Close, move |payload, _| lose.put(payload))
        .connect()
        .unwrap();
    opened.next();
    let args = vec![json!(1), json!("two"), json!({"three": [true, null, "四 👋"]})];
    echo.emit("message", args.clone()).unwrap();
    assert_eq!(back.next(), Payload::Text(args.clone()));
    assert_eq!(ask(&echo, "message-with-ack", args.clone()), args);

    leg("binary");
    // It splits what a WebSocket brings at 0x1e, binary too, and sends a binary event that asks for an ack as an ack.
    let bytes: Vec<u8> = (0..=255).filter(|byte| *byte != 0x1e).collect();
    echo.emit("message", bytes.clone()).unwrap();
    assert_eq!(back.hears(|_| true, 2), Payload::Binary(bytes.into()));

    leg("bad token");
    let refusals = Mailbox::default();
    let put = refusals.clone();
    let stranger = client(&env("URL"))
        .auth(json!({"token": "not a token"}))
        .on(Event::Error, move |why, _| put.put(why))
        .connect()
        .unwrap();
    assert!(format!("{:?}", refusals.next()).contains("token"), "{:?}", refusals.next());
    stranger.disconnect().unwrap();

    leg("login");
    let (ann, bob) = (Person::new(&env("ANN")), Person::new(&env("BOB")));
    ann.login(1);
    bob.login(1);

    leg("chat");
    ann.say(&bob, "Hello Bob 👋");
    bob.say(&ann, "Hello Ann");

    leg("restart");
    for person in [&ann, &bob] {
        person.login(2);
        assert_eq!(person.hears("while you were away 四 👋")["offline"], true);
    }
    ann.say(&bob, "Back again");
    bob.say(&ann, "So am I");

    leg("heartbeats");
    assert_eq!(ask(&echo, "message-with-ack", json!("still there")), [json!("still there")]);
    assert!(lost.0 .0.lock().unwrap().is_empty());

    leg("the end");
}

fn main() {
    story();
    std::process::exit(0); // the client's threads would go on
}

//! The same events as Parley, as fast as socketioxide can: everything in memory, nothing stored, nobody checked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::serve::{Listener, ListenerExt};
use serde::{Deserialize, Serialize};
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;
use socketioxide::SocketIo;
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};

/// Packets that may wait for a client. The library's 128 are few for a burst, and what finds no room is dropped.
const QUEUE: usize = 20_000;

#[derive(Default)]
struct Relay {
    users: RwLock<HashMap<String, SocketRef>>, // by user id
    numbers: Mutex<HashMap<String, u64>>,      // of a conversation's last message
}

#[derive(Deserialize)]
struct Login {
    userid: String,
    device: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chat {
    to_userid: String,
    message: String,
}

#[derive(Deserialize)]
struct Typing {
    to: String,
    on: bool,
}

#[derive(Serialize)]
struct Done {
    ok: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedIn<'a> {
    message: &'a str,
    id: String,
    user_id: &'a str,
    device: Option<String>,
}

#[derive(Serialize)]
struct NewMessage<'a> {
    f_id: &'a str,
    time: u64,
    message: &'a str,
    id: &'a str,
    conv: &'a str,
    seq: u64,
    at: u64,
    r#type: &'a str,
    to: &'a str,
}

#[derive(Serialize)]
struct Sent<'a> {
    ok: bool,
    id: &'a str,
    conv: &'a str,
    seq: u64,
    at: u64,
}

#[derive(Serialize)]
struct Types<'a> {
    user: &'a str,
    conv: String,
    on: bool,
}

const DONE: Done = Done { ok: true };

impl Relay {
    fn of(&self, user: &str) -> Option<SocketRef> {
        self.users.read().unwrap().get(user).cloned()
    }

    fn next(&self, conv: &str) -> u64 {
        let mut numbers = self.numbers.lock().unwrap();
        if let Some(last) = numbers.get_mut(conv) {
            *last += 1;
            return *last;
        }
        numbers.insert(conv.to_owned(), 1);
        1
    }

    /// Registers the listeners of one client. What the library cannot send is lost, and the load generator counts it.
    fn serve(self: Arc<Self>, socket: SocketRef) {
        let me = Arc::new(RwLock::new(String::new()));

        let (relay, user) = (self.clone(), me.clone());
        socket.on("login", async move |socket: SocketRef, Data(login): Data<Login>, ack: AckSender| {
            *user.write().unwrap() = login.userid.clone();
            let id = socket.id.to_string();
            let answer = LoggedIn { message: "登录成功", id, user_id: &login.userid, device: login.device };
            socket.emit("login", &answer).ok();
            relay.users.write().unwrap().insert(login.userid, socket);
            ack.send(&DONE).ok();
        });

        let (relay, user) = (self.clone(), me.clone());
        socket.on("chat", async move |Data(chat): Data<Chat>, ack: AckSender| {
            let me = user.read().unwrap();
            let conv = between(&me, &chat.to_userid);
            let (seq, at) = (relay.next(&conv), now());
            let id = format!("{conv}/{seq}");
            if let Some(receiver) = relay.of(&chat.to_userid) {
                let message = NewMessage {
                    f_id: &me,
                    time: at,
                    message: &chat.message,
                    id: &id,
                    conv: &conv,
                    seq,
                    at,
                    r#type: "text",
                    to: &chat.to_userid,
                };
                receiver.emit("newMessage", &message).ok();
            }
            ack.send(&Sent { ok: true, id: &id, conv: &conv, seq, at }).ok();
        });

        let (relay, user) = (self.clone(), me.clone());
        socket.on("typing", async move |Data(typing): Data<Typing>, ack: AckSender| {
            let me = user.read().unwrap();
            if let Some(receiver) = relay.of(&typing.to) {
                let conv = between(&me, &typing.to);
                receiver.emit("typing", &Types { user: &me, conv, on: typing.on }).ok();
            }
            ack.send(&DONE).ok();
        });

        socket.on_disconnect(async move |socket: SocketRef| {
            let me = me.read().unwrap();
            let mut users = self.users.write().unwrap();
            if users.get(&*me) == Some(&socket) {
                users.remove(&*me);
            }
        });
    }
}

fn in_rooms(socket: SocketRef) {
    socket.on("join", async |socket: SocketRef, Data(room): Data<String>, ack: AckSender| {
        socket.join(room);
        ack.send(&DONE).ok();
    });
    socket.on("say", async |socket: SocketRef, Data((room, text)): Data<(String, String)>, ack: AckSender| {
        socket.within(room).emit("said", &text).await.ok();
        ack.send(&DONE).ok();
    });
}

fn between(a: &str, b: &str) -> String {
    format!("{}|{}", a.min(b), a.max(b))
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (layer, io) = SocketIo::builder().max_buffer_size(QUEUE).build_layer();
    // Listeners are registered by middlewares: a handler of the connection runs in a task of its own, beside the answer
    // to the client, whose first event may then find nobody.
    let relay = Arc::new(Relay::default());
    let chat = async move |socket: SocketRef| {
        relay.serve(socket);
        Ok::<(), Infallible>(())
    };
    let rooms = async |socket: SocketRef| {
        in_rooms(socket);
        Ok::<(), Infallible>(())
    };
    io.ns("/", (async || ()).with(chat));
    io.ns("/bench", (async || ()).with(rooms));

    // Node and Go set TCP_NODELAY by themselves; without it small packets wait 40 ms for an acknowledgement.
    let listener = TcpListener::bind("127.0.0.1:0").await?.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    println!("listening on http://{}", listener.local_addr()?);
    let mut end = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = axum::serve(listener, axum::Router::new().layer(layer)) => ended?,
        _ = end.recv() => {}
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    // One thread, as Node has. The library handles each event in a task of its own; on a thread per core, two cores, these
    // overtook each other so often that four of five messages of a chat came out of order, for the same CPU per message.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}

# Ann and Bob talk by python-socketio, 4 or 5. What the legs are and what the environment holds: matrix_story_test.go.
# AUTH says how this version gives its token.
import os
import sys
import threading
import traceback
import urllib.request

import socketio

URL, ECHO_URL, AUTH = (os.environ[name] for name in ("URL", "ECHO_URL", "AUTH"))
TRANSPORTS = os.environ["TRANSPORTS"].split(",") if os.environ["TRANSPORTS"] else None
WAIT = 30  # seconds for any one answer; the story as a whole has its own deadline


def leg(title):
    print(title, flush=True)


class Mailbox:
    """What was heard, in order; wait returns the first that fits, now or later."""

    def __init__(self):
        self.items = []
        self.changed = threading.Condition()

    def put(self, item):
        with self.changed:
            self.items.append(item)
            self.changed.notify_all()

    def wait(self, fits=lambda _: True, count=1):
        def found():
            return [item for item in self.items if fits(item)]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, WAIT), self.items
            return found()[count - 1]


def client():
    return socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.3)


def connect(sio, url, token=None, **options):
    if token and AUTH == "query":
        url += "?token=" + token
    elif token:
        options["auth"] = {"token": token}
    sio.connect(url, transports=TRANSPORTS, **options)


def ask(sio, event, *args, **options):
    """Emits, and returns the arguments of the ack as a tuple."""
    box = Mailbox()
    sio.emit(event, args, callback=lambda *answer: box.put(answer), **options)
    return box.wait()


class Person:
    """Connects with a token and logs in at every connect."""

    def __init__(self, account):
        self.id, token = account.split(" ")
        self.greetings, self.messages = Mailbox(), Mailbox()
        self.sio = client()
        self.sio.on("connect", lambda: self.sio.emit("login", {}))
        self.sio.on("login", self.greetings.put)
        self.sio.on("newMessage", self.messages.put)
        connect(self.sio, URL, token)

    def login(self, times):
        greeting = self.greetings.wait(count=times)
        assert (greeting["message"], greeting["userId"]) == ("登录成功", self.id), greeting

    def hears(self, text):
        return self.messages.wait(lambda message: message["message"] == text)

    def send(self, to, message):
        (answer,) = ask(self.sio, "chat", {"form_id": self.id, "toUserid": to.id, "message": message})
        return answer

    def say(self, to, message):
        answer = self.send(to, message)
        assert answer["ok"] is True, answer
        heard = to.hears(message)
        assert (heard["f_id"], heard["seq"], "offline" in heard) == (self.id, answer["seq"], False), heard


sys.excepthook = lambda *why: (traceback.print_exception(*why), os._exit(1))  # the client's threads would go on

leg("echo")
echo, back, opened, lost = client(), Mailbox(), Mailbox(), []
for namespace in ("/", "/custom"):
    echo.on("message-back", lambda *got: back.put(got), namespace=namespace)
    echo.on("disconnect", lambda *why: lost.append(why), namespace=namespace)
echo.on("connect", lambda: opened.put("/custom"), namespace="/custom")
connect(echo, ECHO_URL, namespaces=["/", "/custom"])
opened.wait()
connection = echo.eio.sid
args = (1, "two", {"three": [True, None, "四 👋"]})
echo.emit("message", args)
assert back.wait() == args, back.items
assert ask(echo, "message-with-ack", *args) == args

leg("binary")
assert echo.transport() == (TRANSPORTS[-1] if TRANSPORTS else "websocket"), echo.transport()
octets = bytes(range(256))
empty = b"" if AUTH == "auth" else b"0"  # python-socketio 4 takes an empty attachment for None
binary = (octets, {"nested": [octets[:3], "text"]}, empty)
echo.emit("message", binary)
assert back.wait(count=2) == binary, back.items
assert ask(echo, "message-with-ack", *binary) == binary

leg("namespaces")
assert ask(echo, "message-with-ack", "custom", namespace="/custom") == ("custom",)
assert ask(echo, "message-with-ack", "main") == ("main",)
assert echo.eio.sid == connection

leg("bad token")
stranger, refusals = client(), Mailbox()
stranger.on("connect_error", lambda *why: refusals.put(str(why)))
try:
    connect(stranger, URL, "not-a-token")
except socketio.exceptions.ConnectionError:
    pass  # python-socketio 5 waits for the answer, 4 does not
assert "token" in refusals.wait(), refusals.items
stranger.disconnect()

leg("login")
ann, bob = Person(os.environ["ANN"]), Person(os.environ["BOB"])
ann.login(1)
bob.login(1)

leg("binary to chat")
taken = ann.send(bob, {"name": "all.bin", "file": octets})
assert taken["ok"] is True, taken
heard = bob.messages.wait(lambda message: message["seq"] == taken["seq"])
file = heard["message"]["file"]
assert (heard["type"], file["name"], file["size"]) == ("file", "all.bin", len(octets)), heard
with urllib.request.urlopen(URL + file["url"]) as answer:
    assert answer.read() == octets

leg("chat")
ann.say(bob, "Hello Bob 👋")
bob.say(ann, "Hello Ann")

leg("restart")
for person in (ann, bob):
    person.login(2)
    assert person.hears("while you were away 四 👋")["offline"] is True
ann.say(bob, "Back again")
bob.say(ann, "So am I")

leg("heartbeats")
assert ask(echo, "message-with-ack", "still there") == ("still there",)
assert echo.eio.sid == connection and not lost, lost

leg("the end")
for sio in (ann.sio, bob.sio, echo):
    sio.disconnect()

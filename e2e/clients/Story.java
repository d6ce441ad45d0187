import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Manager;
import io.socket.client.Socket;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * Ann and Bob talk by io.socket:socket.io-client, 1.0 or 2.1. What the legs are and what the environment holds:
 * matrix_story_test.go. Token.java says how each version gives its token.
 */
public class Story {
    static final long WAIT = 30_000; // milliseconds for any one answer; the story as a whole has its own deadline
    static final String TRANSPORTS = System.getenv("TRANSPORTS");

    static void leg(String title) {
        System.out.println(title);
    }

    static void check(boolean right, Object... seen) {
        if (!right) {
            throw new AssertionError(Arrays.deepToString(seen));
        }
    }

    /** What was heard, in order; hears returns the first that fits, now or later. */
    static class Mailbox {
        private final List<Object[]> items = new ArrayList<>();

        synchronized void put(Object... args) {
            items.add(args);
            notifyAll();
        }

        synchronized Object[] hears(Predicate<Object[]> fits, int count) throws InterruptedException {
            for (long until = System.currentTimeMillis() + WAIT; ; ) {
                Object[][] found = items.stream().filter(fits).toArray(Object[][]::new);
                if (found.length >= count) {
                    return found[count - 1];
                }
                check(System.currentTimeMillis() < until, items.toArray());
                wait(1000);
            }
        }

        Object[] hears() throws InterruptedException {
            return hears(args -> true, 1);
        }
    }

    static IO.Options options() {
        IO.Options options = new IO.Options();
        options.forceNew = true;
        options.reconnectionDelay = 100;
        options.reconnectionDelayMax = 300;
        if (!TRANSPORTS.isEmpty()) {
            options.transports = TRANSPORTS.split(",");
        }
        return options;
    }

    /** Emits, and returns the arguments of the ack. */
    static Object[] ask(Socket socket, String event, Object... args) throws Exception {
        CompletableFuture<Object[]> answer = new CompletableFuture<>();
        socket.emit(event, args, (Ack) answer::complete);
        return answer.get(WAIT, TimeUnit.MILLISECONDS);
    }

    static Object[] once(Socket socket, String event) throws Exception {
        Mailbox box = new Mailbox();
        socket.once(event, box::put);
        socket.connect();
        return box.hears();
    }

    /** The Engine.IO connection below a socket, which the library keeps to itself. */
    static io.socket.engineio.client.Socket engine(Socket socket) throws Exception {
        Field engine = Manager.class.getDeclaredField("engine");
        engine.setAccessible(true);
        return (io.socket.engineio.client.Socket) engine.get(socket.io());
    }

    static String transport(io.socket.engineio.client.Socket engine) throws Exception {
        Field transport = io.socket.engineio.client.Socket.class.getDeclaredField("transport");
        transport.setAccessible(true);
        return ((io.socket.engineio.client.Transport) transport.get(engine)).name;
    }

    /** Connects with a token and logs in at every connect. */
    static class Person {
        final String id;
        final Socket socket;
        final Mailbox greetings = new Mailbox(), messages = new Mailbox();

        Person(String account) throws Exception {
            id = account.split(" ")[0];
            socket = IO.socket(System.getenv("URL"), Token.in(options(), account.split(" ")[1]));
            socket.on("connect", args -> socket.emit("login", new JSONObject()));
            socket.on("login", greetings::put);
            socket.on("newMessage", messages::put);
            socket.connect();
        }

        void login(int times) throws Exception {
            JSONObject greeting = (JSONObject) greetings.hears(args -> true, times)[0];
            check(greeting.get("message").equals("登录成功") && greeting.get("userId").equals(id), greeting);
        }

        JSONObject hears(String text) throws Exception {
            return (JSONObject) messages.hears(args -> text.equals(((JSONObject) args[0]).opt("message")), 1)[0];
        }

        JSONObject send(Person to, Object message) throws Exception {
            JSONObject chat = new JSONObject().put("form_id", id).put("toUserid", to.id).put("message", message);
            return (JSONObject) ask(socket, "chat", chat)[0];
        }

        void say(Person to, String message) throws Exception {
            JSONObject ack = send(to, message);
            check(ack.getBoolean("ok"), ack);
            JSONObject heard = to.hears(message);
            check(heard.get("f_id").equals(id) && heard.getInt("seq") == ack.getInt("seq") && !heard.has("offline"), heard);
        }
    }

    static void same(Object[] got, Object... want) throws Exception {
        check(got.length == want.length, got, want);
        for (int i = 0; i < want.length; i++) {
            boolean bytes = want[i] instanceof byte[];
            check(bytes ? Arrays.equals((byte[]) got[i], (byte[]) want[i])
                : got[i].toString().equals(want[i].toString()), got, want);
        }
    }

    static void story() throws Exception {
        leg("echo");
        Socket echo = IO.socket(System.getenv("ECHO_URL"), options());
        Mailbox back = new Mailbox(), lost = new Mailbox();
        echo.on("message-back", back::put);
        echo.on("disconnect", lost::put);
        once(echo, "connect");
        io.socket.engineio.client.Socket engine = engine(echo);
        String connection = engine.id();
        CompletableFuture<Object> upgraded = new CompletableFuture<>();
        engine.on("upgrade", args -> upgraded.complete(args));
        Object[] args = {1, "two", new JSONObject().put("three", new JSONArray("[true,null,\"四 👋\"]"))};
        echo.emit("message", args);
        same(back.hears(), args);
        same(ask(echo, "message-with-ack", args), args);

        leg("binary");
        String last = TRANSPORTS.isEmpty() ? "websocket" : TRANSPORTS;
        if (!transport(engine).equals(last)) {
            upgraded.get(WAIT, TimeUnit.MILLISECONDS);
        }
        check(transport(engine).equals(last), transport(engine));
        byte[] bytes = new byte[256];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        echo.emit("message", bytes, new JSONObject().put("nested", new byte[] {0, 1, 2}), new byte[0]);
        Object[] got = back.hears(any -> true, 2);
        Object[] acked = ask(echo, "message-with-ack", bytes, new JSONObject().put("nested", new byte[] {0, 1, 2}), new byte[0]);
        for (Object[] binary : List.of(got, acked)) {
            same(new Object[] {binary[0], ((JSONObject) binary[1]).get("nested"), binary[2]},
                bytes, new byte[] {0, 1, 2}, new byte[0]);
        }

        leg("namespaces");
        Socket custom = echo.io().socket("/custom");
        once(custom, "connect");
        same(ask(custom, "message-with-ack", "custom"), "custom");
        same(ask(echo, "message-with-ack", "main"), "main");
        check(engine(echo) == engine && engine.id().equals(connection));

        leg("bad token");
        Socket stranger = IO.socket(System.getenv("URL"), Token.in(options(), "not-a-token"));
        Mailbox refusals = new Mailbox();
        stranger.on("connect_error", refusals::put);
        stranger.on("error", refusals::put);
        stranger.connect();
        Object[] why = refusals.hears();
        check(why[0].toString().contains("token"), why);
        stranger.close();

        leg("login");
        Person ann = new Person(System.getenv("ANN")), bob = new Person(System.getenv("BOB"));
        ann.login(1);
        bob.login(1);

        leg("binary to chat");
        JSONObject taken = ann.send(bob, new JSONObject().put("name", "all.bin").put("file", bytes));
        check(taken.getBoolean("ok"), taken);
        JSONObject heard = (JSONObject) bob.messages.hears(any -> ((JSONObject) any[0]).optInt("seq") == taken.optInt("seq"), 1)[0];
        JSONObject file = heard.getJSONObject("message").getJSONObject("file");
        check(heard.get("type").equals("file") && file.get("name").equals("all.bin") && file.getInt("size") == bytes.length, heard);
        try (java.io.InputStream answer = java.net.URI.create(System.getenv("URL") + file.get("url")).toURL().openStream()) {
            check(Arrays.equals(answer.readAllBytes(), bytes), file);
        }

        leg("chat");
        ann.say(bob, "Hello Bob 👋");
        bob.say(ann, "Hello Ann");

        leg("restart");
        for (Person person : List.of(ann, bob)) {
            person.login(2);
            JSONObject missed = person.hears("while you were away 四 👋");
            check(missed.getBoolean("offline"), missed);
        }
        ann.say(bob, "Back again");
        bob.say(ann, "So am I");

        leg("heartbeats");
        same(ask(echo, "message-with-ack", "still there"), "still there");
        check(engine(echo) == engine && engine.id().equals(connection) && lost.items.isEmpty(), lost.items.toArray());

        leg("the end");
    }

    public static void main(String[] args) {
        try {
            story();
            System.exit(0); // the client's threads would go on
        } catch (Throwable trouble) {
            trouble.printStackTrace();
            System.exit(1);
        }
    }
}
